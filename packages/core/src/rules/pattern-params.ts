import * as z from "zod/mini";

import { mustHold } from "../policy/schema-check.ts";

/** One name pattern: literal, a glob with `*` and `?`, or `!pattern` to exclude. */
const patternParam = z.string().check(
  z.minLength(1, "must not be empty"),
  z.maxLength(512, "must have at most 512 characters"),
  mustHold((pattern) => pattern !== "!", 'must name what it excludes, such as "!delete_*"'),
);

/** A list of name patterns; a list of only exclusions means everything but them. */
export const patternsParam: z.ZodMiniType<readonly string[], readonly string[]> = z
  .array(patternParam)
  .check(z.minLength(1, "must list at least one pattern"));
