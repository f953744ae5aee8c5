import * as z from "zod/mini";

/**
 * A list of at least one item: none would mean nothing, which nobody writes.
 * @param item The schema of each.
 */
export function someOf<T extends z.core.$ZodType>(item: T): z.ZodMiniReadonly<z.ZodMiniArray<T>> {
  return z.readonly(z.array(item).check(z.minLength(1)));
}
