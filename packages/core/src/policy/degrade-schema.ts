import * as z from "zod/mini";

import { durationSchema } from "./duration-schema.ts";
import { MODES } from "./mode.ts";
import { checkedBy } from "./schema-check.ts";
import { wholeNumber } from "./whole-number.ts";

const quietForSchema = z.strictObject({ quietFor: durationSchema });
const headroomSchema = z.strictObject({
  headroom: z.strictObject({
    rule: z.string().check(z.minLength(1)),
    atLeast: z.number().check(z.gt(0), z.lte(1)),
  }),
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
    recover: z.optional(recoverySchema),
    scope: z.optional(z.enum(["agent", "tenant", "session", "global"])),
    perMinute: z.optional(wholeNumber.check(z.gte(1), z.lte(1_000_000))),
    delay: z.optional(z.strictObject({ max: durationSchema })),
  })
  .check(
    checkedBy((spec, report) => {
      if (spec.mode === "RATE_THROTTLE") return;
      for (const field of ["perMinute", "delay"] as const) {
        if (spec[field] === undefined) continue;
        report([field], `has no meaning for ${spec.mode}`, "remove it, or use mode: RATE_THROTTLE");
      }
    }),
  );
