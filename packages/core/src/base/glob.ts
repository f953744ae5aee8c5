/** A compiled pattern list: tells whether a value matches. */
export type GlobTest = (value: string) => boolean;

/**
 * Tells whether a pattern has wildcards; one without is compared as it is.
 * @param pattern `*` stands for any run of characters, `?` for one; everything else is literal.
 */
export function isGlob(pattern: string): boolean {
  return pattern.includes("*") || pattern.includes("?");
}

/** The part of a pattern before its first wildcard, by which an index files it. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[*?]/);
  return end === -1 ? pattern : pattern.slice(0, end);
}

const compiled = new Map<string, GlobTest>();
const MAX_COMPILED = 10_000;

/**
 * Compiles one glob; equal patterns share one closure. Values and patterns are compared after NFC.
 * Linear in pattern × value: a hand-rolled matcher, because a RegExp built from `a*a*a*b` can backtrack for seconds.
 */
export function compileGlob(pattern: string): GlobTest {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const normal = pattern.normalize("NFC");
  const test: GlobTest = isGlob(normal) ? (value) => matchesGlob(normal, value) : (value) => value === normal;
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  compiled.set(pattern, test);
  return test;
}

function matchesGlob(pattern: string, value: string): boolean {
  let p = 0;
  let v = 0;
  let star = -1;
  let retry = 0;
  while (v < value.length) {
    const char = pattern[p];
    if (char === "*") {
      star = p++;
      retry = v;
    } else if (char !== undefined && (char === "?" || char === value[v])) {
      p++;
      v++;
    } else if (star !== -1) {
      p = star + 1;
      v = ++retry;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
