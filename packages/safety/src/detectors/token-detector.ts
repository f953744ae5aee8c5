import { isTokenChar } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import { findMatches, runEnd } from "../find-matches.ts";

/** The longest token covered as one finding. */
const MAX_TOKEN_CHARS = 16_384;

/**
 * Builds the detector of a kind of token that is recognised by how it begins and then covers everything up to the
 * token's end, so that no tail of a long secret stays behind.
 * @param options `name` of the detector. `beginnings`: patterns with the flag `g` that match enough of the token to be
 *   certain, at most `holdBackChars` long; a group named `token` says where the token starts when the match begins before it.
 *   `isInToken`: default letters, digits, `-` and `_`. `isPlausible`: a last check of the matched beginning.
 */
export function createTokenDetector(options: {
  readonly name: string;
  readonly beginnings: readonly RegExp[];
  readonly holdBackChars: number;
  readonly isInToken?: (code: number) => boolean;
  readonly isPlausible?: (beginning: string) => boolean;
}): Detector {
  const { name, beginnings, holdBackChars, isInToken = isTokenChar, isPlausible = () => true } = options;
  return {
    name,
    family: "secret",
    maxSpanChars: MAX_TOKEN_CHARS,
    holdBackChars,
    patterns: beginnings,
    find: (text) =>
      beginnings.flatMap((beginning) => {
        const matches = findMatches(text, beginning).filter((match) => isPlausible(match[0]));
        return extendAll(text, matches, isInToken).map(({ start, end }) => ({
          type: name,
          start,
          end,
          score: 0.99,
        }));
      }),
  };
}

/** Extends every match to the end of its token; a token that others begin within is walked only once. */
function extendAll(
  text: string,
  matches: readonly RegExpExecArray[],
  isInToken: (code: number) => boolean,
): { readonly start: number; readonly end: number }[] {
  let walkedTo = 0;
  return matches.map((match) => {
    const beginningEnd = match.index + match[0].length;
    const from = Math.max(beginningEnd, Math.min(walkedTo, match.index + MAX_TOKEN_CHARS));
    walkedTo = runEnd(text, from, { isInRun: isInToken, maxChars: match.index + MAX_TOKEN_CHARS - from });
    return { start: match.index, end: trimEnd(text, beginningEnd, walkedTo) };
  });
}

/** Full stops at the end belong to the sentence, not to the token; a few only, for more may still be followed by token. */
function trimEnd(text: string, from: number, end: number): number {
  const limit = Math.max(from, end - 3);
  let trimmed = end;
  while (trimmed > limit && text[trimmed - 1] === ".") trimmed -= 1;
  return trimmed;
}
