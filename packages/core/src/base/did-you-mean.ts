/**
 * Finds the word that was probably meant.
 * @param word What was written.
 * @param known The words that exist.
 * @returns The closest known word within a third of its length (Damerau–Levenshtein, restricted), else one that begins as
 *   this one or the other way round (`ttl` for `ttlMs`), or undefined.
 */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? beginningAlike(word.toLowerCase(), known);
}

/** Shorter beginnings would fit by chance. */
const MIN_SHARED_CHARS = 3;

function beginningAlike(word: string, known: Iterable<string>): string | undefined {
  for (const candidate of known) {
    const [short = "", long = ""] = [word, candidate.toLowerCase()].toSorted((a, b) => a.length - b.length);
    if (short.length >= MIN_SHARED_CHARS && long.startsWith(short)) return candidate;
  }
  return undefined;
}

/** The same as a sentence for an error: `did you mean "limit"?`; undefined where nothing is like it. */
export function guessFor(word: string, known: Iterable<string>): string | undefined {
  const guess = didYouMean(word, known);
  return guess === undefined ? undefined : `did you mean "${guess}"?`;
}

/** The same, else the list of what exists, or that nothing does. */
export function suggest(word: string, known: readonly string[]): string {
  if (known.length === 0) return "there are none";
  return guessFor(word, known) ?? `use one of ${known.join(", ")}`;
}

function editDistance(a: string, b: string): number {
  // A long word is never a near miss of a known one; the cap keeps hostile input cheap.
  if (a.length > 64 || b.length > 64) return Infinity;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? Infinity;
}
