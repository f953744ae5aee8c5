import * as z from "zod/mini";

import { apiCallOf } from "../context/api-call.ts";
import type { ApiCall, PolicyContext } from "../context/context.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import { omittable } from "../policy/omittable.ts";
import { checkedBy, mustHold } from "../policy/schema-check.ts";
import type { ToolTraits } from "../policy/traits.ts";
import { compileHosts, hostPattern, pathPattern, type PatternProblem } from "./api-pattern.ts";
import { patternsParam } from "./pattern-params.ts";
import { someOf } from "./some-of.ts";

/** Each pattern must be one that some call can match: of a denylist, any other would protect nothing in silence. */
function normalised(read: (pattern: string) => object | string) {
  return patternsParam.check(
    checkedBy((patterns, report) => {
      for (const [position, pattern] of patterns.entries()) {
        const found = read(pattern);
        if (typeof found !== "object" || !("problem" in found)) continue;
        const { problem, suggestion } = found as PatternProblem;
        report([position], problem, suggestion);
      }
    }),
  );
}

const methodsParam = patternsParam.check(
  mustHold(
    (methods) => methods.every((method) => /^!?[A-Za-z*?]+$/.test(method)),
    "must be methods, one in each text",
    { suggestion: 'such as "GET" or "!DELETE"' },
  ),
);

const pathsParam = normalised(pathPattern).check(
  mustHold((paths) => paths.every((path) => /^!?[/*?]/.test(path)), 'must be paths that start with "/"', {
    suggestion: 'such as "/reports/*" or "!/reports/private/*"',
  }),
);

const apiMatchParam = z
  .strictObject({
    methods: omittable(methodsParam),
    hosts: omittable(normalised(hostPattern)),
    paths: omittable(pathsParam),
  })
  .check(
    mustHold(
      ({ methods, hosts, paths }) => methods !== undefined || hosts !== undefined || paths !== undefined,
      "matches every call",
      { suggestion: 'say which: methods, hosts or paths; for all of them write paths: ["*"]' },
    ),
  );

/** The parameters of both API rules: calls matched by any entry, whose set dimensions must all match. */
export const apiParams = z.strictObject({ rules: someOf(apiMatchParam) });

/** One entry of an API rule as written. */
export type ApiMatch = z.output<typeof apiMatchParam>;

/**
 * The HTTP call behind a context: the adapter's, or the one its tool is mapped to.
 * @returns `{ refused }` for a URL that cannot be judged, undefined where no HTTP call is known.
 */
export function apiOf(
  context: PolicyContext,
  traits: ToolTraits | undefined,
): ApiCall | { readonly refused: string } | undefined {
  if (context.api !== undefined) return context.api;
  if (context.tool === undefined || traits?.api === undefined) return undefined;
  // A mapped tool whose input does not say where it goes cannot be judged.
  const { input } = context.tool;
  const call = input === undefined ? undefined : apiCallOf(traits.api, input);
  return call ?? { refused: "the input does not name the method or the URL of the call" };
}

/**
 * Compiles the entries of an API rule.
 * @param stance `deny` compares paths widely (any case, with and without a last slash, without `;parameters`), because
 * servers do, and means every port of a host; `allow` exactly, and the default port where a host names none.
 */
export function compileApiMatches(
  matches: readonly ApiMatch[],
  stance: "deny" | "allow",
): (call: ApiCall) => boolean {
  const tests = matches.map(({ methods, hosts, paths }) => {
    const method = methods && compilePatterns(methods.map((text) => text.toUpperCase()));
    const host = hosts && compileHosts(hosts, stance);
    const path = paths && pathTest(paths.map(knownPath), stance);
    return (call: ApiCall) =>
      (method?.matches(call.method.toUpperCase()) ?? true) &&
      (host?.(call) ?? true) &&
      (path?.(call.path) ?? true);
  });
  return (call) => tests.some((test) => test(call));
}

/** Parameters were checked when they were read. */
function knownPath(written: string): string {
  const pattern = pathPattern(written);
  return typeof pattern === "string" ? pattern : written;
}

function pathTest(patterns: readonly string[], stance: "deny" | "allow"): (path: string) => boolean {
  const exact = compilePatterns(patterns);
  const wide = compilePatterns(patterns.map((pattern) => pattern.toLowerCase()));
  if (stance === "allow") return (path) => exact.selects(path) && !wideForms(path).some(wide.excludes);
  return (path) => wideForms(path).some(wide.selects) && !exact.excludes(path);
}

/** The spellings of a path that servers commonly take for the same. */
function wideForms(path: string): readonly string[] {
  const lower = path.toLowerCase().normalize("NFC");
  const bare = lower.replaceAll(/;[^/]*/g, "");
  const open = bare.endsWith("/") ? bare.slice(0, -1) : bare;
  return [lower, bare, open, `${open}/`];
}
