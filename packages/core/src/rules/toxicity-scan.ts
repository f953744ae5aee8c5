import * as z from "zod/mini";

import { defineRule } from "./rule.ts";
import { SCANNED_HOOKPOINTS, compileScan, scanParams, type ScanKind } from "./scan-rule.ts";

const KIND: ScanKind = {
  family: "toxicity",
  what: "toxic language",
  channels: ["user", "model_output"],
};

/** Looks for toxic language. It asks rather than blocks by default: mentions and counter-speech look alike. */
export const toxicityScan = defineRule({
  kind: "toxicityScan",
  timing: "blocking",
  hookpoints: SCANNED_HOOKPOINTS,
  params: z.strictObject({
    ...scanParams,
    onFinding: z._default(scanParams.onFinding._zod.def.innerType, "escalate"),
  }),
  needs: ["scanner"],
  isStateless: true,
  compile: (params, tools) => compileScan(KIND, params, tools),
});
