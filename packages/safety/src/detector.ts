import type { ScanChannel } from "./channel.ts";
import type { Span } from "./span.ts";

/** The families a detector can belong to; a consumer may treat whole families alike. */
export type DetectorFamily = "pii" | "injection" | "secret" | "toxicity";

/** What a scanner tells about a detector; `maxSpanChars` is the longest finding, in UTF-16 units. */
export interface DetectorInfo {
  readonly name: string;
  readonly family: DetectorFamily;
  readonly maxSpanChars: number;
}

/**
 * How much text before and after a finding a detector may read to decide on it, in UTF-16 units.
 * Context words and right-hand boundaries live within it; a stream keeps this much on both sides.
 */
export const CONTEXT_CHARS = 64;

/** The `maxSpanChars` of a detector that judges the text as a whole: a stream waits for the end of the text. */
export const WHOLE_TEXT: number = Number.MAX_SAFE_INTEGER;

/**
 * One detector: a pure function from text to scored spans, in time linear in the text.
 *
 * Unless `maxSpanChars` is {@link WHOLE_TEXT}, a detector must decide on each start position for itself, from the
 * {@link CONTEXT_CHARS} before it, the finding, and the {@link CONTEXT_CHARS} after it. An earlier finding must not
 * hide a later one. That is what lets a stream be scanned in windows with the same result as the whole text.
 */
export interface Detector extends DetectorInfo {
  /**
   * For a detector whose findings can be long but are recognised by their beginning (a key block, a token): after this
   * many characters a finding is certain and only its end may still move. Default: `maxSpanChars`.
   */
  readonly holdBackChars?: number;
  /** Every pattern `find` runs, so that a test can prove each of them free of super-linear backtracking. */
  readonly patterns: readonly RegExp[];
  /**
   * Finds every occurrence; overlapping ones are allowed.
   * @param text The text, any length.
   * @param channel Where it came from.
   */
  find(text: string, channel: ScanChannel): readonly Span[];
}

/**
 * Tells how many characters of a stream must be held back before this detector's findings are certain.
 * @param info A detector as listed by a scanner; foreign scanners may leave `holdBackChars` out.
 * @returns UTF-16 units; {@link WHOLE_TEXT} means until the end.
 */
export function holdBackOf(info: DetectorInfo & { readonly holdBackChars?: number }): number {
  return info.holdBackChars ?? info.maxSpanChars;
}
