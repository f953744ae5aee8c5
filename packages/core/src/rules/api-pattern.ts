import { normaliseApiCall } from "../context/api-call.ts";
import { normalisePath } from "../context/api-path.ts";
import type { ApiCall } from "../context/context.ts";
import { isGlob } from "../base/glob.ts";
import { compilePatterns } from "../policy/compile-selector.ts";

/** Why a pattern could match no normalised call, and what to write instead. */
export interface PatternProblem {
  readonly problem: string;
  readonly suggestion: string;
}

/** A host pattern in the form that calls have. */
interface HostPattern {
  readonly isExclusion: boolean;
  readonly host: string;
  /** As written: a number, `*`, or none. */
  readonly port: string | undefined;
}

const HOST_HINT =
  'write a host such as "api.example.com", "*.example.com", "localhost:8080" or "localhost:*"';

/** A host, then a port; the colons of an IPv6 address stand in brackets. */
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}|\*))?$/;

/**
 * Brings a host pattern into the form that the hosts of calls have, so that what is written another way is not matched by
 * nothing: lower case, punycode, canonical addresses, no trailing dot.
 * @param written Such as `*.example.com`, `!db.example.com`, `localhost:8080`.
 */
export function hostPattern(written: string): HostPattern | PatternProblem {
  const isExclusion = written.startsWith("!");
  const match = HOST_AND_PORT.exec(isExclusion ? written.slice(1) : written);
  if (match === null || /[/\\@#%\s]/.test(written))
    return { problem: "is not a host", suggestion: HOST_HINT };
  const [, name = "", port] = match;
  if (port !== undefined && port !== "*" && Number(port) > 65_535)
    return { problem: "names a port that there is not", suggestion: HOST_HINT };
  const host = isGlob(name) ? globHost(name) : literalHost(name);
  return typeof host === "string" ? { isExclusion, host, port: port && withoutZeros(port) } : host;
}

function withoutZeros(port: string): string {
  return port === "*" ? port : String(Number(port));
}

function literalHost(name: string): string | PatternProblem {
  const call = normaliseApiCall("GET", `https://${name}/`);
  return "refused" in call ? { problem: "is not a host", suggestion: HOST_HINT } : call.host;
}

function globHost(name: string): string | PatternProblem {
  const host = name.toLowerCase().replace(/\.$/, "");
  if (/^(?:[a-z0-9._*?-]+|\[[0-9a-f:.*?]+\])$/.test(host)) return host;
  return {
    problem: "is not a host that a call can have",
    suggestion: 'write other letters in punycode, such as "*.xn--bcher-kva.de"',
  };
}

/**
 * Brings a path pattern into the form that the paths of calls have: needed escapes made, needless ones decoded.
 * @param written Such as `/reports/*`, `!/reports/private/*`.
 */
export function pathPattern(written: string): string | PatternProblem {
  const isExclusion = written.startsWith("!");
  const pattern = isExclusion ? written.slice(1) : written;
  const suggestion = 'write the path of a URL as servers read it, such as "/reports/*"';
  if (pattern.includes("#")) return { problem: "holds a fragment, which no call has", suggestion };
  // Decoded, it would be a wildcard that nobody wrote.
  if (/%2a/i.test(pattern)) return { problem: "holds an escaped *", suggestion };
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(pattern))
    return { problem: "holds a dot segment, which no call has", suggestion };
  const isRooted = pattern.startsWith("/");
  const path = normalisePath(isRooted ? pattern : `/${pattern}`);
  if (typeof path !== "string") return { problem: `can match no call: ${path.refused}`, suggestion };
  return `${isExclusion ? "!" : ""}${isRooted ? path : path.slice(1)}`;
}

/** Stands for the port of a call that names none. */
const DEFAULT_PORT = "default";

/**
 * Compiles host patterns that `hostPattern` took. One without a port means, where it permits, the default port of the
 * scheme; where it restricts, every port.
 */
export function compileHosts(
  patterns: readonly string[],
  stance: "deny" | "allow",
): (call: ApiCall) => boolean {
  const test = compilePatterns(
    patterns.map((written) => {
      const pattern = hostPattern(written);
      // Parameters were checked when they were read.
      if ("problem" in pattern) return written;
      const { isExclusion, host, port } = pattern;
      const isWide = (stance === "deny") !== isExclusion;
      return `${isExclusion ? "!" : ""}${host}:${port ?? (isWide ? "*" : DEFAULT_PORT)}`;
    }),
  );
  return (call) => {
    const names = namesOf(call);
    return names.some(test.selects) && !names.some(test.excludes);
  };
}

function namesOf({ host, port, scheme }: ApiCall): readonly string[] {
  if (port !== undefined) return [`${host}:${port}`];
  return [`${host}:${DEFAULT_PORT}`, `${host}:${scheme === "http" ? 80 : 443}`];
}

/** Where a call goes, for people. */
export function placeText({ method, host, port }: ApiCall): string {
  return `${method} ${host}${port === undefined ? "" : `:${port}`}`;
}
