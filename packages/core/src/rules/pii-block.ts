import * as z from "zod/mini";

import { defineRule } from "./rule.ts";
import { SCANNED_HOOKPOINTS, compileScan, scanParams, type ScanKind } from "./scan-rule.ts";

const KIND: ScanKind = {
  family: "pii",
  what: "personal data",
  channels: ["user", "tool_input", "tool_result", "model_output"],
};

/** Looks for personal data where none may be; to let the call run without the data, use redact. */
export const piiBlock = defineRule({
  kind: "piiBlock",
  timing: "blocking",
  hookpoints: SCANNED_HOOKPOINTS,
  params: z.strictObject(scanParams),
  needs: ["scanner"],
  isStateless: true,
  compile: (params, tools) => compileScan(KIND, params, tools),
});
