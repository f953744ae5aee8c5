import { AgentplaneError } from "@agentplane/core";

/**
 * A key as it is stored: UTF-8, whose order and prefixes are those of the text.
 * @throws AgentplaneError `usage_invalid` for half a surrogate pair, which UTF-8 would take for any other
 */
export function bytesOfKey(key: string): Buffer {
  if (/\p{Surrogate}/u.test(key))
    throw new AgentplaneError("usage_invalid", "a document's key must be well-formed Unicode");
  return Buffer.from(key, "utf8");
}

/** The text of a stored key. */
export function keyOfBytes(bytes: unknown): string {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString("utf8");
  throw new AgentplaneError("state_failed", "PostgreSQL: a document's key is not of the type bytea");
}

/** The first key after all that begin with a prefix; undefined when there is none. */
export function endOfPrefix(prefix: Buffer): Buffer | undefined {
  // No byte of UTF-8 is 0xff, so the last byte can always be raised.
  const last = prefix.at(-1);
  return last === undefined ? undefined : Buffer.concat([prefix.subarray(0, -1), Buffer.of(last + 1)]);
}
