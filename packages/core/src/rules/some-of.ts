import * as z from "zod/mini";

import { between } from "../policy/between.ts";

/**
 * A list of at least one item: none would mean nothing, which nobody writes.
 * @param item The schema of each.
 */
export function someOf<T extends z.core.$ZodType>(item: T): ListSchema<T> {
  // What is parsed for a built-in rule is frozen as a whole; zod's own readonly would freeze each list once more.
  return z.array(item).check(between(1));
}

type ListSchema<T extends z.core.$ZodType> = z.ZodMiniType<
  readonly z.core.output<T>[],
  readonly z.core.input<T>[]
>;
