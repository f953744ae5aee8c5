import * as z from "zod/mini";

import { defineRule } from "./rule.ts";
import { SCANNED_HOOKPOINTS, compileScan, scanParams, type ScanKind } from "./scan-rule.ts";

const KIND: ScanKind = {
  family: "secret",
  what: "a secret",
  channels: ["user", "tool_input", "tool_result", "model_output"],
};

/** Looks for credentials, so that none leaves through a tool or an answer. */
export const secretScan = defineRule({
  kind: "secretScan",
  timing: "blocking",
  hookpoints: SCANNED_HOOKPOINTS,
  params: z.strictObject(scanParams),
  needs: ["scanner"],
  isStateless: true,
  compile: (params, tools) => compileScan(KIND, params, tools),
});
