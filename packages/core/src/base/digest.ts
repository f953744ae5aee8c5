import { createPorts } from "./runtime.ts";

/**
 * What tells data from other data, for adapters that name a call by what was said before it: SHA-256 over its JSON as it is
 * written, 64 hexadecimal digits. Members in another order are other data.
 * @throws TypeError where the data is circular or holds a bigint
 */
export function digestOf(data: unknown): string {
  return createPorts().hash.sha256(JSON.stringify(data) ?? "");
}
