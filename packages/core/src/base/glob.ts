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
 * One pass over the value, whatever the number of stars; only a run with `?` between two stars is tried position by
 * position. Never a RegExp: one built from `a*a*a*b` can backtrack for seconds.
 */
export function compileGlob(pattern: string): GlobTest {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const normal = pattern.normalize("NFC");
  const test = isGlob(normal) ? globTest(normal) : (value: string) => value === normal;
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  compiled.set(pattern, test);
  return test;
}

/** What stands between stars; in a run `?` is any one UTF-16 unit. */
interface Run {
  readonly text: string;
  readonly hasAny: boolean;
}

function globTest(pattern: string): GlobTest {
  const runs = pattern.split("*").map((text): Run => ({ text, hasAny: text.includes("?") }));
  const [first, ...others] = runs;
  const last = others.pop();
  if (first === undefined || last === undefined) {
    const whole = first ?? { text: "", hasAny: false };
    return (value) => value.length === whole.text.length && isAt(whole, value, 0);
  }
  const between = others.filter(({ text }) => text !== "");
  return (value) => {
    const lastAt = value.length - last.text.length;
    if (lastAt < first.text.length || !isAt(first, value, 0) || !isAt(last, value, lastAt)) return false;
    let from = first.text.length;
    // The leftmost place of each run leaves the most room for the next.
    for (const run of between) {
      const at = positionOf(run, value, from);
      if (at === -1 || at + run.text.length > lastAt) return false;
      from = at + run.text.length;
    }
    return true;
  };
}

function positionOf(run: Run, value: string, from: number): number {
  if (!run.hasAny) return value.indexOf(run.text, from);
  for (let at = from; at + run.text.length <= value.length; at++) if (isAt(run, value, at)) return at;
  return -1;
}

function isAt({ text, hasAny }: Run, value: string, at: number): boolean {
  if (!hasAny) return value.startsWith(text, at);
  for (let unit = 0; unit < text.length; unit++) {
    if (text[unit] !== "?" && text[unit] !== value[at + unit]) return false;
  }
  return true;
}
