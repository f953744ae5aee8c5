import { isAnnounced } from "../context-words.ts";
import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import type { Span } from "../span.ts";

// Never issued: area 000, 666 and 900 to 999, group 00, serial 0000 (SSA, "Social Security Number Randomization").
const SEPARATED =
  /(?<![A-Za-z0-9\u00c0-\u024f])(?!000|666|9)\d{3}(?:-(?!00)\d{2}-|\.(?!00)\d{2}\.| (?!00)\d{2} )(?!0000)\d{4}(?![A-Za-z0-9\u00c0-\u024f])/g;
const PLAIN =
  /(?<![A-Za-z0-9\u00c0-\u024f])(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}(?![A-Za-z0-9\u00c0-\u024f])/g;
const SSN_WORD = /\b(?:ssn|social security|soc sec)\b/i;
/** Printed in wallets and advertisements; the SSA lists them as void. */
const VOID_NUMBERS: ReadonlySet<string> = new Set(["078051120", "219099999"]);

/**
 * Finds US social security numbers: `123-45-6789` in its three separated forms, nine plain digits only near the words.
 */
export const ssn: Detector = {
  name: "ssn",
  family: "pii",
  maxSpanChars: 11,
  patterns: [SEPARATED, PLAIN, SSN_WORD],
  find(text) {
    return [
      ...findMatches(text, SEPARATED).map((match) => toSpan(match, 0.9)),
      ...findMatches(text, PLAIN)
        .filter((match) => isAnnounced(text, match.index, SSN_WORD))
        .map((match) => toSpan(match, 0.8)),
    ].filter((span) => !VOID_NUMBERS.has(text.slice(span.start, span.end).replaceAll(/\D/g, "")));
  },
};

function toSpan(match: RegExpExecArray, score: number): Span {
  return { type: "ssn", start: match.index, end: match.index + match[0].length, score };
}
