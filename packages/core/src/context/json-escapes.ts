import type { Range } from "./redact-marker.ts";

/** An escape of JSON is two characters long, or six: `\\n`, `\\u00e9`. */
const LONGEST_ESCAPE = 6;

/**
 * The ranges, each with the whole of an escape that it begins or ends in.
 * @param text JSON.
 */
export function aroundEscapes<R extends Range>(text: string, ranges: readonly R[]): readonly R[] {
  if (!text.includes("\\")) return ranges;
  return ranges.map((range) => {
    const start = escapeAround(text, range.start)?.start ?? range.start;
    const end = escapeAround(text, range.end)?.end ?? range.end;
    return start === range.start && end === range.end ? range : { ...range, start, end };
  });
}

/** The escape that has begun before this position and ends after it. */
function escapeAround(text: string, position: number): Range | undefined {
  for (let start = position - 1; start >= 0 && start > position - LONGEST_ESCAPE; start--) {
    if (text[start] !== "\\" || isEscaped(text, start)) continue;
    const end = start + (text[start + 1] === "u" ? LONGEST_ESCAPE : 2);
    return end > position ? { start, end } : undefined;
  }
  return undefined;
}

function isEscaped(text: string, position: number): boolean {
  let before = position;
  while (before > 0 && text[before - 1] === "\\") before--;
  return (position - before) % 2 === 1;
}
