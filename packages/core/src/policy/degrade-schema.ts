import * as z from "zod";

import { durationSchema } from "./duration-schema.ts";
import { MODES } from "./mode.ts";

const quietForSchema = z.strictObject({ quietFor: durationSchema });
const headroomSchema = z.strictObject({
  headroom: z.strictObject({ rule: z.string().min(1), atLeast: z.number().gt(0).max(1) }),
});

/** What a recovery may be: `manual`, after a time, or when a condition holds. */
export const recoverySchema = z.union([
  z.literal("manual"),
  z.strictObject({ after: durationSchema }),
  z.strictObject({ when: z.union([quietForSchema, headroomSchema]) }),
]);

/** What a mode to be set may look like, in a ladder and in a rule's `degrade`. */
export const degradeSchema = z
  .strictObject({
    mode: z.enum(MODES),
    recover: recoverySchema.optional(),
    scope: z.enum(["agent", "tenant", "session", "global"]).optional(),
    perMinute: z.int().min(1).max(1_000_000).optional(),
    delay: z.strictObject({ max: durationSchema }).optional(),
  })
  .superRefine((spec, context) => {
    if (spec.mode === "RATE_THROTTLE") return;
    for (const field of ["perMinute", "delay"] as const) {
      if (spec[field] === undefined) continue;
      const params = { suggestion: "remove it, or use mode: RATE_THROTTLE" };
      context.addIssue({ code: "custom", path: [field], message: `has no meaning for ${spec.mode}`, params });
    }
  });
