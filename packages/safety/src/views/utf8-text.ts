import type { DecodedByte } from "./base64-bytes.ts";

/** One character read from bytes, and the range of bytes it was read from. */
export interface Utf8Character {
  readonly char: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Reads bytes as UTF-8, one character at a time; a malformed sequence becomes U+FFFD, as in the WHATWG decoder. O(n).
 * @param bytes The bytes.
 */
export function readUtf8(bytes: readonly DecodedByte[]): readonly Utf8Character[] {
  const characters: Utf8Character[] = [];
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes[index]?.value ?? 0);
    const char = readSequence(bytes, index, length);
    const to = char === undefined ? index + 1 : index + length;
    characters.push({ char: char ?? "\ufffd", from: index, to });
    index = to;
  }
  return characters;
}

/** 0 for a byte that cannot begin a character. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

function readSequence(bytes: readonly DecodedByte[], from: number, length: number): string | undefined {
  if (length === 0 || from + length > bytes.length) return undefined;
  let code = (bytes[from]?.value ?? 0) & (length === 1 ? 0x7f : 0xff >> (length + 1));
  for (let offset = 1; offset < length; offset += 1) {
    const next = bytes[from + offset]?.value ?? 0;
    if (next >> 6 !== 0b10) return undefined;
    code = (code << 6) | (next & 0x3f);
  }
  return code <= 0x10_ffff ? String.fromCodePoint(code) : undefined;
}
