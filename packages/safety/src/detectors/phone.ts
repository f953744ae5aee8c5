import { isAnnounced } from "../context-words.ts";
import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import type { Span } from "../span.ts";

// E.164: a plus sign, then 8 to 15 digits with at most two separators between them.
const INTERNATIONAL =
  /(?<!\+)\+\d{1,3}[ .()\u00a0-]{0,3}\d(?:[ .()\u00a0-]{0,2}\d){5,12}(?: ?x\d{1,5})?(?![A-Za-z0-9\u00c0-\u024f])/g;
// North American plan: area and exchange codes start with 2 to 9 (NANPA numbering rules); separators are required.
const NORTH_AMERICAN =
  /(?:(?<![A-Za-z0-9\u00c0-\u024f+])(?:(?:001|1)[ .-])?[2-9]\d{2}[.-]|\([2-9]\d{2}\)[ .-]?)[2-9]\d{2}[.-]\d{4}(?: ?x\d{1,5})?(?![A-Za-z0-9\u00c0-\u024f])/g;
// Any other national format is only believed after a word that announces it.
const NATIONAL =
  /(?<![A-Za-z0-9\u00c0-\u024f+])\(?\d(?:[ .()/\u00a0-]{0,2}\d){6,13}(?![A-Za-z0-9\u00c0-\u024f])/g;
const PHONE_WORD =
  /\b(?:phone|telephone|tel|mobile|cell|fax|call|text|whatsapp|sms|dial|hotline|contact number|telefon|handy|rufnummer|mobil|telefono|tel\u00e9fono|t\u00e9l\u00e9phone|t\u00e9l)\b[^\n\d]{0,20}$/i;
const DATE_LIKE = /^(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})/;

/**
 * Finds phone numbers: international with a plus sign, North American with separators, and other national formats when
 * a word such as "phone" or "call" announces them. The weakest of the built-in claims: anything else that overlaps wins.
 */
export const phone: Detector = {
  name: "phone",
  family: "pii",
  maxSpanChars: 56,
  patterns: [INTERNATIONAL, NORTH_AMERICAN, NATIONAL, PHONE_WORD, DATE_LIKE],
  find(text) {
    return [
      ...findMatches(text, INTERNATIONAL).map((match) => toSpan(match, 0.8)),
      ...findMatches(text, NORTH_AMERICAN).map((match) => toSpan(match, 0.7)),
      ...findMatches(text, NATIONAL)
        .filter((match) => !DATE_LIKE.test(match[0]) && isAnnounced(text, match.index, PHONE_WORD))
        .map((match) => toSpan(match, 0.6)),
    ];
  },
};

function toSpan(match: RegExpExecArray, score: number): Span {
  return { type: "phone", start: match.index, end: match.index + match[0].length, score };
}
