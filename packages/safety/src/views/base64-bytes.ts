const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const VALUES: Int8Array = (() => {
  const values = new Int8Array(128).fill(-1);
  for (let index = 0; index < ALPHABET.length; index += 1) values[ALPHABET.charCodeAt(index)] = index;
  // base64url (RFC 4648 section 5)
  values[45] = 62;
  values[95] = 63;
  return values;
})();

/**
 * Answers whether a UTF-16 unit belongs to the base64 or base64url alphabet (RFC 4648), padding excluded.
 * @param code The unit.
 */
export function isBase64Char(code: number): boolean {
  return code < 128 && (VALUES[code] ?? -1) >= 0;
}

/** A decoded byte and the index in the encoded text of the character that its first bits came from. */
export interface DecodedByte {
  readonly value: number;
  readonly index: number;
}

/**
 * Decodes base64 text, skipping whatever is not in the alphabet (line breaks, padding).
 * @param text The encoded text.
 * @param options `from` and `to`: which part of it; `maxBytes` bounds the output.
 */
export function decodeBase64(
  text: string,
  options: { readonly from: number; readonly to: number; readonly maxBytes: number },
): readonly DecodedByte[] {
  const bytes: DecodedByte[] = [];
  let buffer = 0;
  let bits = 0;
  let first = options.from;
  for (let index = options.from; index < options.to && bytes.length < options.maxBytes; index += 1) {
    const code = text.charCodeAt(index);
    if (!isBase64Char(code)) continue;
    if (bits === 0) first = index;
    buffer = ((buffer << 6) | (VALUES[code] ?? 0)) & 0xff_ffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push({ value: (buffer >> bits) & 0xff, index: first });
    first = index;
  }
  return bytes;
}
