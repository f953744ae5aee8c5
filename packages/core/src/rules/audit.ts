import * as z from "zod/mini";

import { omittable } from "../policy/omittable.ts";
import { defineRule } from "./rule.ts";

/**
 * Says what the audit records of matching calls may contain. Records are always written; without this rule they hold
 * digests instead of content.
 */
export const audit = defineRule({
  kind: "audit",
  timing: "nonBlocking",
  hookpoints: ["*"],
  params: z.strictObject({
    includeInput: z._default(z.boolean(), false),
    includeResult: z._default(z.boolean(), false),
    /** `durable`: the call waits until the record is on disk. */
    mode: omittable(z.enum(["durable", "buffered"])),
  }),
  isStateless: true,
  compile: (declaration) => ({ audit: Object.freeze({ ...declaration }) }),
});
