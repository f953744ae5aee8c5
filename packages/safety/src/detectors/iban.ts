import { isAlphanumeric } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import type { Span } from "../span.ts";
import { IBAN_LENGTHS } from "./iban-lengths.ts";

const BEGINNING = /(?<![A-Za-z0-9\u00c0-\u024f])[A-Za-z]{2}\d{2}(?=[ \u00a0-]?[A-Za-z0-9])/g;
const MAX_IBAN_CHARS = 34;

/**
 * Finds bank account numbers (IBAN), plain or grouped: a registered country, that country's length, and the mod-97
 * check of ISO 7064. A number with a wrong check digit is not reported.
 */
export const iban: Detector = {
  name: "iban",
  family: "pii",
  maxSpanChars: MAX_IBAN_CHARS * 2,
  patterns: [BEGINNING],
  find(text) {
    return findMatches(text, BEGINNING)
      .map((match) => readIban(text, match.index))
      .filter((span) => span !== undefined);
  },
};

function readIban(text: string, start: number): Span | undefined {
  const length = IBAN_LENGTHS.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return undefined;
  let compact = "";
  let end = start;
  while (compact.length < length && end < text.length) {
    if (isAlphanumeric(text.charCodeAt(end))) compact += text[end];
    else if (!isSeparator(text, end)) return undefined;
    end += 1;
  }
  const isWhole = compact.length === length && !isAlphanumeric(text.charCodeAt(end));
  return isWhole && hasValidCheckDigits(compact.toUpperCase())
    ? { type: "iban", start, end, score: 0.99 }
    : undefined;
}

/** One space or hyphen between two characters of the number. */
function isSeparator(text: string, index: number): boolean {
  const char = text[index];
  return (
    (char === " " || char === "\u00a0" || char === "-") &&
    isAlphanumeric(text.charCodeAt(index - 1)) &&
    isAlphanumeric(text.charCodeAt(index + 1))
  );
}

/** Country and check digits go last, letters count 10 to 35, and the number modulo 97 must be 1. */
function hasValidCheckDigits(compact: string): boolean {
  let remainder = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}
