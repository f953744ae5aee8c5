import type { Scanner, Span } from "../../src/base/scanner.ts";

const PATTERNS: Readonly<Record<string, RegExp>> = {
  email: /[a-z]+@[a-z]+\.[a-z]+/g,
  card: /\d{16}/g,
  word: /secret[a-z@. ]*/g,
};

/** Finds addresses, 16-digit numbers and a word; looks at the first and last part of texts longer than `maxChars`. */
export function fakeScanner(maxChars = Infinity): Scanner {
  return {
    detectors: Object.keys(PATTERNS).map((name) => ({ name, family: "pii", maxSpanChars: 100 })),
    scan({ text, detect }) {
      const isTruncated = text.length > maxChars;
      const seen = isTruncated ? text.slice(0, maxChars) : text;
      return { spans: detect.flatMap((name) => find(seen, name)), isTruncated };
    },
  };
}

function find(text: string, name: string): readonly Span[] {
  return [...text.matchAll(PATTERNS[name]!)].map((match) => ({
    type: name,
    start: match.index,
    end: match.index + match[0].length,
    score: 1,
  }));
}
