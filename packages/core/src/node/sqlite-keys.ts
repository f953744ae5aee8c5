/**
 * A key as text that SQLite keeps whole: a NUL would end it. Escaped as in JSON, character by character, so that
 * prefixes stay prefixes and a person can read it.
 */
export function toStoredKey(key: string): string {
  return JSON.stringify(key).slice(1, -1);
}

/** The key that was stored so. */
export function fromStoredKey(stored: unknown): string {
  // The inverse of the above, and nothing else writes keys.
  return JSON.parse(`"${String(stored)}"`) as string;
}

/** The end of the stretch of stored keys with a prefix, as bytes: 0xff is in no UTF-8. */
export function afterPrefix(prefix: string): Uint8Array {
  const bytes = new TextEncoder().encode(toStoredKey(prefix));
  const end = new Uint8Array(bytes.length + 1);
  end.set(bytes);
  end[bytes.length] = 0xff;
  return end;
}
