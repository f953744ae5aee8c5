import * as z from "zod";

/** One name pattern: literal, a glob with `*` and `?`, or `!pattern` to exclude. */
const patternParam = z
  .string()
  .min(1, "must not be empty")
  .max(512, "must have at most 512 characters")
  .refine((pattern) => pattern !== "!", 'must name what it excludes, such as "!delete_*"');

/** A list of name patterns; a list of only exclusions means everything but them. */
export const patternsParam = z.array(patternParam).min(1, "must list at least one pattern").readonly();
