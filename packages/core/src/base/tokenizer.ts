import type { Tokenizer } from "./model-costs.ts";

/** UTF-8 bytes per token that the default assumes: below the usual 4, so that an estimate rather errs high. */
const BYTES_PER_TOKEN = 3;

/** Counts tokens without a vocabulary: UTF-8 bytes / 3, rounded up. */
export const byteTokenizer: Tokenizer = {
  countTokens: (text) => Math.ceil(utf8Length(text) / BYTES_PER_TOKEN),
};

/** The length of a text in UTF-8 bytes; a lone surrogate counts as the three bytes of its replacement. O(length). */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x8_00) {
      bytes += 1;
    } else if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(at + 1))) {
      // Two units become four bytes.
      bytes += 2;
      at++;
    } else {
      bytes += 2;
    }
  }
  return bytes;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd8_00 && unit <= 0xdb_ff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc_00 && unit <= 0xdf_ff;
}
