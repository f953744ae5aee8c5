import { canonicalJson } from "../base/canonical-json.ts";
import type { JsonValue } from "../base/json.ts";
import { parsePath, setPath } from "./path.ts";
import { snapshot } from "./snapshot.ts";

/** A rule's wish to replace one value. */
export interface OwnedRewrite {
  readonly policyId: string;
  readonly ruleId: string;
  readonly obligation: { readonly path: string; readonly value: JsonValue };
}

/** What rewriting gave: the value as it was where there is a conflict, or a path that names nothing. */
export interface Rewritten {
  readonly value: JsonValue;
  /** Two rewrites that cannot both hold; `by` names their rules as `policy/rule`. */
  readonly conflict?: { readonly path: string; readonly by: readonly [string, string] };
  readonly unresolved?: { readonly path: string; readonly policyId: string; readonly ruleId: string };
}

/**
 * Applies all rewrites of a call at once. Different rewrites of one path, or of a path and one that leads to it, are a
 * conflict whatever their order; equal ones are one. New objects are built, the original stays untouched.
 */
export function applyRewrites(value: JsonValue, rewrites: readonly OwnedRewrite[]): Rewritten {
  if (rewrites.length === 0) return { value };
  const wishes: Wish[] = [];
  for (const rewrite of rewrites) {
    const { path, value: next } = rewrite.obligation;
    const segments = parsePath(path);
    if (segments === undefined) return { value, unresolved: placeOf(rewrite) };
    wishes.push({ rewrite, segments, next: snapshot(next) });
  }
  const conflict = conflictOf(wishes);
  if (conflict !== undefined) return { value, conflict };
  let changed = value;
  for (const { rewrite, next } of wishes) {
    const result = setPath(changed, rewrite.obligation.path, next);
    if (result === undefined) return { value, unresolved: placeOf(rewrite) };
    changed = result;
  }
  return { value: changed };
}

interface Wish {
  readonly rewrite: OwnedRewrite;
  readonly segments: readonly (string | number)[];
  readonly next: JsonValue;
}

function conflictOf(wishes: readonly Wish[]): Rewritten["conflict"] {
  for (const [position, later] of wishes.entries()) {
    for (const earlier of wishes.slice(0, position)) {
      if (!touches(earlier.segments, later.segments) || isEqual(earlier, later)) continue;
      const deeper = earlier.segments.length > later.segments.length ? earlier : later;
      return { path: deeper.rewrite.obligation.path, by: [ownerOf(earlier), ownerOf(later)] };
    }
  }
  return undefined;
}

function ownerOf({ rewrite: { policyId, ruleId } }: Wish): string {
  return `${policyId}/${ruleId}`;
}

/** One path leads to the other, or they are the same however they are spelt. */
function touches(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  const [shorter, longer] = a.length <= b.length ? [a, b] : [b, a];
  return shorter.every((segment, at) => segment === longer[at]);
}

function isEqual(a: Wish, b: Wish): boolean {
  return a.segments.length === b.segments.length && canonicalJson(a.next) === canonicalJson(b.next);
}

function placeOf({ policyId, ruleId, obligation }: OwnedRewrite): NonNullable<Rewritten["unresolved"]> {
  return { path: obligation.path, policyId, ruleId };
}
