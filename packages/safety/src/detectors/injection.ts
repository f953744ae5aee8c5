import type { ScanChannel } from "../channel.ts";
import { type Detector, WHOLE_TEXT } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import { findMentions, MENTION_PATTERNS } from "../injection/mentions.ts";
import { phrasePattern } from "../injection/phrase-pattern.ts";
import { INJECTION_PHRASES } from "../injection/phrases.ts";
import { ROLE_MARKERS } from "../injection/role-markers.ts";
import { compareSpans, type Span } from "../span.ts";
import { readingViews } from "../views/reading-views.ts";
import { toOriginal, type View } from "../views/view.ts";
import { UNESCAPE_PATTERNS } from "../views/unescape-view.ts";

/** A mention keeps this share of its score: visible to whoever asks for weak findings, below any sensible threshold. */
const MENTION_DISCOUNT = 0.4;

const PHRASES = INJECTION_PHRASES.map(({ phrase, score }) => ({ pattern: phrasePattern(phrase), score }));

/**
 * Finds attempts to give a model new orders: known phrases over several readings of the text, so that encodings,
 * look-alike letters and invisible characters do not hide them. A phrase that is only quoted, in prose or in a code
 * fence, keeps 40 % of its score. Findings are spans of the original text; 0.5 is a sensible threshold.
 */
export const injection: Detector = {
  name: "injection",
  family: "injection",
  maxSpanChars: WHOLE_TEXT,
  patterns: [
    ...PHRASES.map(({ pattern }) => pattern),
    ...ROLE_MARKERS.map(({ pattern }) => pattern),
    ...MENTION_PATTERNS,
    ...UNESCAPE_PATTERNS,
  ],
  find(text, channel) {
    const spans = readingViews(text).flatMap((view) => findInView(view, channel));
    return spans.length === 0 ? spans : discountMentions(spans, findMentions(text));
  },
};

function findInView(view: View, channel: ScanChannel): Span[] {
  const markers = ROLE_MARKERS.filter(({ channels }) => channels === undefined || channels.includes(channel));
  return [...PHRASES, ...markers].flatMap(({ pattern, score }) =>
    findMatches(view.text, pattern).map((match) => ({
      type: "injection",
      ...toOriginal(view, match.index, match.index + match[0].length),
      score,
    })),
  );
}

/** A span is a mention if one that begins at or before it ends at or after it. One pass: O(n log n) for the sorting. */
function discountMentions(spans: readonly Span[], mentions: readonly Span[]): Span[] {
  let next = 0;
  let farthestEnd = 0;
  return spans.toSorted(compareSpans).map((span) => {
    for (
      let mention = mentions[next];
      mention !== undefined && mention.start <= span.start;
      mention = mentions[next]
    ) {
      farthestEnd = Math.max(farthestEnd, mention.end);
      next += 1;
    }
    return farthestEnd >= span.end ? { ...span, score: span.score * MENTION_DISCOUNT } : span;
  });
}
