import type { Ids } from "../base/ports.ts";

/**
 * Creates identifiers that are the same in every run: `dec_1`, `dec_2`, `apr_1`; secrets read `lnk_secret1`.
 * Unique within one source only: processes that share a store in a test need a `suffix` each.
 * @param options `suffix`: put behind every identifier; default none.
 */
export function createFakeIds(options: { readonly suffix?: string } = {}): Ids {
  const { suffix = "" } = options;
  const counts = new Map<string, number>();
  const take = (name: string): string => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${name}${count}${suffix}`;
  };
  return { next: (prefix) => take(`${prefix}_`), secret: (prefix) => take(`${prefix}_secret`) };
}
