import * as z from "zod/mini";

import { between } from "../policy/between.ts";
import { mustHold } from "../policy/schema-check.ts";

/** One name pattern: literal, a glob with `*` and `?`, or `!pattern` to exclude. */
const patternParam = z.string().check(
  between(1, 512),
  mustHold((pattern) => pattern !== "!", 'must name what it excludes, such as "!delete_*"'),
);

/** A list of name patterns; a list of only exclusions means everything but them. */
export const patternsParam: z.ZodMiniType<readonly string[], readonly string[]> = z
  .array(patternParam)
  .check(mustHold((patterns) => patterns.length > 0, "must list at least one pattern"));
