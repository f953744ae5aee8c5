/** One finding: the text from `start` to `end` (UTF-16 units, end exclusive) is of `type`, with a score from 0 to 1. */
export interface Span {
  /** What was found, such as `email`; equal to the name of the detector that found it. */
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/**
 * Orders spans by where they start, then by where they end; for `Array.prototype.sort`.
 * @param a One span.
 * @param b Another span of the same text.
 */
export function compareSpans(a: Span, b: Span): number {
  return a.start - b.start || a.end - b.end;
}
