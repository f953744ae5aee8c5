import { hasWordBefore, isAnnounced } from "../context-words.ts";
import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import type { Span } from "../span.ts";
import { isIssuedCardNumber } from "./card-issuer.ts";
import { isLuhnValid } from "./luhn.ts";

const LEFT = "(?<![A-Za-z0-9\\u00c0-\\u024f]|(?<![\\w.])\\d\\.)";
const GAP = "[ \\u00a0-]";
const RIGHT = "(?![A-Za-z0-9\\u00c0-\\u024f])";
// Not within a word, nor after the point of a decimal. Apart from each other, because the number that follows a card
// may look like its last group.
const CANDIDATES = [
  "\\d{13,19}",
  `(?:\\d{4}${GAP}){3}\\d{1,4}`,
  `(?:\\d{4}${GAP}){4}\\d{3}`,
  `\\d{4}${GAP}\\d{6}${GAP}\\d{4,5}`,
].map((digits) => new RegExp(LEFT + digits + RIGHT, "g"));
const SEPARATOR = /[ \u00a0-]/g;
const OTHER_NUMBER =
  /(?<![\w.\u00c0-\u024f-])(?:order|invoice|tracking|ticket|shipment|parcel|reference|ref|serial|sku|isbn|ean|timestamp|transaction|id)\b[^\n]{0,24}$/i;
const CARD_WORD = /\b(?:card|credit|debit|visa|mastercard|amex|pan|cc)\b/i;

/**
 * Finds payment card numbers, plain or grouped with spaces or hyphens: right issuer range and length, right Luhn digit.
 * One in ten numbers passes Luhn, so an ungrouped number that the text calls an order, invoice or id is left alone.
 */
export const card: Detector = {
  name: "card",
  family: "pii",
  maxSpanChars: 24,
  patterns: [...CANDIDATES, SEPARATOR, OTHER_NUMBER, CARD_WORD],
  find(text) {
    const spans: Span[] = [];
    for (const match of CANDIDATES.flatMap((candidate) => findMatches(text, candidate))) {
      const digits = match[0].replace(SEPARATOR, "");
      if (!isIssuedCardNumber(digits) || !isLuhnValid(digits)) continue;
      const isGrouped = digits.length !== match[0].length;
      if (!isGrouped && isCalledSomethingElse(text, match.index)) continue;
      spans.push({
        type: "card",
        start: match.index,
        end: match.index + match[0].length,
        score: isGrouped ? 0.98 : 0.9,
      });
    }
    return spans;
  },
};

function isCalledSomethingElse(text: string, start: number): boolean {
  return hasWordBefore(text, start, OTHER_NUMBER) && !isAnnounced(text, start, CARD_WORD);
}
