import { compileGlob, isGlob, literalPrefix } from "../base/glob.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import type { SelectorSpec } from "../policy/selector.ts";
import { PATTERN_DIMENSIONS } from "../policy/selector.ts";

/**
 * Tells whether one pattern matches everything that another does. Never wrongly true; may miss a cover.
 * @param outer A pattern without `!`.
 * @param inner A pattern without `!`; its wildcards are compared as characters that only a `*` can swallow.
 */
export function patternCovers(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  // A `?` of the outer would match the inner's `*`, which stands for more than one character.
  if (outer.includes("?") && inner.includes("*")) return false;
  return isGlob(outer) && compileGlob(outer)(inner);
}

/**
 * Tells whether one pattern list selects everything that another does.
 * @param outer Undefined selects everything.
 */
export function listCovers(
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
): boolean {
  if (outer === undefined) return true;
  if (inner === undefined) return false;
  const [outerIn, outerOut] = split(outer);
  const [innerIn, innerOut] = split(inner);
  if (!innerIn.every((pattern) => outerIn.some((wide) => patternCovers(wide, pattern)))) return false;
  return outerOut.every(
    (excluded) =>
      innerOut.some((pattern) => patternCovers(pattern, excluded)) ||
      innerIn.every((pattern) => !isGlob(pattern) && !compileGlob(excluded)(pattern)),
  );
}

/** Tells whether a selector concerns every context that another does. Never wrongly true. */
export function selectorCovers(outer: SelectorSpec, inner: SelectorSpec): boolean {
  for (const dimension of PATTERN_DIMENSIONS) {
    if (!listCovers(outer[dimension], inner[dimension])) return false;
  }
  const innerTags = inner.tags ?? {};
  return Object.entries(outer.tags ?? {}).every(
    ([name, patterns]) =>
      Object.hasOwn(innerTags, name) && listCovers([patterns].flat(), [innerTags[name] ?? []].flat()),
  );
}

/** Tells whether a pattern list excludes all it selects. */
export function isEmptyList(patterns: readonly string[]): boolean {
  const [selected, excluded] = split(patterns);
  return selected.every((pattern) => excluded.some((exclusion) => patternCovers(exclusion, pattern)));
}

/** Tells whether nothing can match two pattern lists. Never wrongly true. */
export function areApart(a: readonly string[], b: readonly string[]): boolean {
  const [[some, without], [others, besides]] = [split(a), split(b)];
  const excluded = [...without, ...besides];
  const isLeft = (pattern: string): boolean => !excluded.some((one) => patternCovers(one, pattern));
  return some.filter(isLeft).every((one) => others.filter(isLeft).every((other) => isApart(one, other)));
}

function isApart(a: string, b: string): boolean {
  if (!isGlob(a)) return !compileGlob(b)(a);
  if (!isGlob(b)) return !compileGlob(a)(b);
  const [one, other] = [literalPrefix(a), literalPrefix(b)];
  return !one.startsWith(other) && !other.startsWith(one);
}

function split(patterns: readonly string[]): [selected: readonly string[], excluded: readonly string[]] {
  const normal = compilePatterns(patterns).patterns;
  const excluded = normal.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const selected = normal.filter((pattern) => !pattern.startsWith("!"));
  return [selected.length === 0 && excluded.length > 0 ? ["*"] : selected, excluded];
}
