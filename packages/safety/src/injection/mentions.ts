import { compareSpans, type Span } from "../span.ts";

/** Quoted parts longer than this are content, not a mention. */
const MAX_QUOTE_CHARS = 240;
const MAX_FENCE_CHARS = 4_000;

const FENCE = /(?<=^|\n)[ \t]{0,8}(?:```|~~~)/g;
const QUOTE = /[`"\u201c\u201e\u00ab]/g;
const CLOSING: Readonly<Record<string, string>> = {
  "`": "`",
  '"': '"',
  "\u201c": "\u201d",
  "\u201e": "\u201c",
  "\u00ab": "\u00bb",
};
/** What stands before a quotation in prose: a word, perhaps with a comma or colon, or an opening parenthesis. */
const PROSE_BEFORE = /(?:[\p{L}\p{N}][,:]?|[([*\u2013\u2014-]|\n|^)[ \t]{0,4}$/u;
/** What stands before a string in JSON or in a program: a key and a colon, an assignment, an opening bracket. */
const DATA_BEFORE = /["'`\w\]][ \t]{0,4}[=:][ \t]{0,4}$|[{[(][ \t\n]{0,16}$/;

/** The patterns by which {@link findMentions} finds quotations, for the test that proves them safe. */
export const MENTION_PATTERNS: readonly RegExp[] = [FENCE, QUOTE, PROSE_BEFORE, DATA_BEFORE];

/**
 * Finds the parts of a text that are shown rather than said: fenced code, and short quotations within prose. Strings
 * of JSON and program source do not count: there everything is quoted, an attacker's text too. O(n).
 * @param text The original text.
 * @returns Spans of type `mention`, in text order.
 */
export function findMentions(text: string): readonly Span[] {
  const fences = findFences(text);
  return [...fences, ...findQuotations(text)].toSorted(compareSpans);
}

function findFences(text: string): Span[] {
  const marks = [...text.matchAll(FENCE)];
  const fences: Span[] = [];
  for (let index = 0; index + 1 < marks.length; index += 2) {
    const start = marks[index]?.index ?? 0;
    const end = (marks[index + 1]?.index ?? 0) + (marks[index + 1]?.[0].length ?? 0);
    if (end - start <= MAX_FENCE_CHARS) fences.push(mention(start, end));
  }
  return fences;
}

function findQuotations(text: string): Span[] {
  const quotations: Span[] = [];
  QUOTE.lastIndex = 0;
  for (let match = QUOTE.exec(text); match !== null; match = QUOTE.exec(text)) {
    const end = quotationEnd(text, match.index, match[0]);
    if (end === undefined) continue;
    if (isInProse(text, match.index, quotations.at(-1))) quotations.push(mention(match.index, end));
    QUOTE.lastIndex = end;
  }
  return quotations;
}

/** The end of a quotation that closes within its paragraph and its allowed length. */
function quotationEnd(text: string, start: number, opening: string): number | undefined {
  const window = text.slice(start + 1, start + 1 + MAX_QUOTE_CHARS);
  const close = window.indexOf(CLOSING[opening] ?? opening);
  if (close <= 0 || window.slice(0, close).includes("\n\n")) return undefined;
  return start + 1 + close + 1;
}

function isInProse(text: string, start: number, previous: Span | undefined): boolean {
  const before = text.slice(Math.max(0, start - 24), start);
  // In a list of quotations each is what the one before it is.
  if (previous !== undefined && /^(?:,|,? (?:and|or))[ \n]{0,4}$/.test(text.slice(previous.end, start)))
    return true;
  return PROSE_BEFORE.test(before) && !DATA_BEFORE.test(before);
}

function mention(start: number, end: number): Span {
  return { type: "mention", start, end, score: 1 };
}
