import * as z from "zod/mini";

/**
 * A member that may be left out, but is never undefined. Zod's own puts what is not there to the schema and drops what
 * that finds wrong: of a rule that leaves out most of its parameters this was a large part of the check. Copied JSON has
 * no member that is undefined, which is all that this would let through.
 * @param schema Of the member where it is there.
 */
export function omittable<T extends z.core.$ZodType>(schema: T): z.ZodMiniExactOptional<T> {
  // The two differ in the type of the member alone.
  return z.optional(schema) as unknown as z.ZodMiniExactOptional<T>;
}
