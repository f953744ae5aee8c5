import { utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * The UTF-8 of a text.
 * @param text Well-formed: a lone surrogate becomes U+FFFD.
 */
export function utf8Of(text: string): Uint8Array {
  return utf8ToBytes(text);
}

/** Arguments of one call: more would not fit on the stack. */
const CODES_PER_STEP = 8_192;

/**
 * The text of UTF-8.
 * @param bytes What {@link utf8Of} gave; anything else is read as something, never refused.
 */
export function textOfUtf8(bytes: Uint8Array): string {
  const codes: number[] = [];
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!;
    const length = lengthAfter(first);
    let code = first & LEAD_BITS[length]!;
    for (let next = 1; next < length; next++) code = (code << 6) | (bytes[at + next]! & 0x3f);
    codes.push(code);
    at += length;
    if (codes.length < CODES_PER_STEP) continue;
    text += String.fromCodePoint(...codes);
    codes.length = 0;
  }
  return text + String.fromCodePoint(...codes);
}

/** What the first byte of a character carries, by the number of its bytes (RFC 3629 section 3). */
const LEAD_BITS: readonly number[] = [0, 0x7f, 0x1f, 0x0f, 0x07];

function lengthAfter(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
