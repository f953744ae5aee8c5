/**
 * Lists every match of a pattern, also those that begin inside an earlier match: whether a match is found depends on
 * the text around it alone, not on where the scan began. Each start costs at most one bounded attempt.
 * @param text The text to search.
 * @param pattern A pattern with the flag `g` and bounded quantifiers, beginning with a boundary.
 */
export function findMatches(text: string, pattern: RegExp): RegExpExecArray[] {
  const matches: RegExpExecArray[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    matches.push(match);
    pattern.lastIndex = match.index + 1;
  }
  return matches;
}

/**
 * Finds where a run of matching characters ends: the first index at or after `from` that does not match.
 * @param text The text.
 * @param from Where the run begins.
 * @param options `isInRun` answers for one UTF-16 unit; `maxChars` bounds the run.
 */
export function runEnd(
  text: string,
  from: number,
  options: { readonly isInRun: (code: number) => boolean; readonly maxChars: number },
): number {
  const limit = Math.min(text.length, from + options.maxChars);
  let end = from;
  while (end < limit && options.isInRun(text.charCodeAt(end))) end += 1;
  return end;
}
