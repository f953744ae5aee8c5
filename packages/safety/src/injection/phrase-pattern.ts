/** What may stand between two words of a phrase: white space, punctuation, markup; written for folded text. */
const GAP = "[^a-z0-9]{1,8}";

/**
 * Builds the pattern of a phrase from a compact notation: words are separated by spaces, `a|b` are alternatives,
 * `word?` may be missing, and `*3` stands for up to three words of any kind. Everything is bounded, so that a match
 * attempt costs constant time.
 * @param phrase Such as `ignore|forget *3 instructions|rules`.
 * @returns A pattern for folded (lower-case Latin) text, with the flag `g`.
 */
export function phrasePattern(phrase: string): RegExp {
  const parts = phrase.split(" ");
  const source = parts.map((part, index) => partSource(part, index === parts.length - 1)).join("");
  return new RegExp(`(?<![a-z0-9])${source}(?![a-z0-9])`, "g");
}

function partSource(part: string, isLast: boolean): string {
  const gap = isLast ? "" : GAP;
  if (part.startsWith("*")) return `(?:[a-z0-9]{1,16}${gap}){0,${Number(part.slice(1))}}`;
  if (part.endsWith("?")) return `(?:(?:${part.slice(0, -1)})${gap})?`;
  return `(?:${part})${gap}`;
}
