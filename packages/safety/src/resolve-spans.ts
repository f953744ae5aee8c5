import { compareSpans, type Span } from "./span.ts";

/** Types proven by a checksum outrank types known by their structure; a phone number is the weakest claim. */
const PRIORITIES: ReadonlyMap<string, number> = new Map([
  ["card", 2],
  ["iban", 2],
  ["phone", 0],
]);
const STRUCTURED = 1;

/**
 * Turns possibly overlapping findings into disjoint ones: every run of overlapping spans becomes one span over their
 * union, so that no character found by anyone stays uncovered. Its type and score are those of the strongest: checksum
 * before structured before phone, then the longest, then the highest score, then the first. O(n log n).
 * @param spans Findings of one text, in any order.
 * @returns Disjoint spans in text order.
 */
export function resolveSpans(spans: readonly Span[]): readonly Span[] {
  const ordered = spans.filter((span) => span.end > span.start).toSorted(compareSpans);
  const resolved: Span[] = [];
  let group: Group | undefined;
  for (const span of ordered) {
    if (group !== undefined && span.start < group.end) {
      group.end = Math.max(group.end, span.end);
      if (isStronger(span, group.winner)) group.winner = span;
      continue;
    }
    if (group !== undefined) resolved.push(toSpan(group));
    group = { start: span.start, end: span.end, winner: span };
  }
  if (group !== undefined) resolved.push(toSpan(group));
  return resolved;
}

interface Group {
  readonly start: number;
  end: number;
  winner: Span;
}

function toSpan({ start, end, winner }: Group): Span {
  return { type: winner.type, start, end, score: winner.score };
}

function isStronger(a: Span, b: Span): boolean {
  const byPriority = priorityOf(a) - priorityOf(b);
  if (byPriority !== 0) return byPriority > 0;
  const byLength = a.end - a.start - (b.end - b.start);
  if (byLength !== 0) return byLength > 0;
  if (a.score !== b.score) return a.score > b.score;
  // The last tie-break is by name, so that the order in which detectors ran does not matter.
  return a.start === b.start && a.type < b.type;
}

function priorityOf(span: Span): number {
  return PRIORITIES.get(span.type) ?? STRUCTURED;
}
