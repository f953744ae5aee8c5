import * as z from "zod/mini";

import { defineRule } from "./rule.ts";
import { SCANNED_HOOKPOINTS, compileScan, scanParams, type ScanKind } from "./scan-rule.ts";

const KIND: ScanKind = {
  family: "injection",
  what: "a prompt injection",
  channels: ["user", "tool_result", "tool_description", "tool_input"],
};

/** Looks for prompt injection in everything that reaches the model or a tool; the model's own words by option. */
export const injectionScan = defineRule({
  kind: "injectionScan",
  timing: "blocking",
  hookpoints: SCANNED_HOOKPOINTS,
  params: z.strictObject(scanParams),
  needs: ["scanner"],
  isStateless: true,
  compile: (params, tools) => compileScan(KIND, params, tools),
});
