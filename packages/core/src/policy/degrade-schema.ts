import * as z from "zod/mini";

import { between } from "./between.ts";
import { durationSchema } from "./duration-schema.ts";
import { MODE_SCOPES, MODES } from "./mode.ts";
import { checkedBy, mustHold } from "./schema-check.ts";
import { wholeNumber } from "./whole-number.ts";

/** A part of a whole, and not none of it. */
export const shareSchema = z.number().check(
  mustHold((share) => share > 0, "must be more than 0"),
  between(-Infinity, 1),
);

const quietForSchema = z.strictObject({ quietFor: durationSchema });
const headroomSchema = z.strictObject({
  headroom: z.strictObject({
    rule: z.string().check(between(1)),
    atLeast: shareSchema,
  }),
});

/** What a recovery may be: `manual`, after a time, or when a condition holds. */
export const recoverySchema = z.union([
  z.enum(["manual"]),
  z.strictObject({ after: durationSchema }),
  z.strictObject({ when: z.union([quietForSchema, headroomSchema]) }),
]);

/** What a mode to be set may look like, in a ladder and in a rule's `degrade`. */
export const degradeSchema = z
  .strictObject({
    mode: z.enum(MODES),
    recover: z.optional(recoverySchema),
    scope: z.optional(z.enum(MODE_SCOPES)),
    perMinute: z.optional(wholeNumber.check(between(1, 1_000_000))),
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
