import { compileGlob, isGlob, literalPrefix, type GlobTest } from "../base/glob.ts";
import { isSameList } from "../base/same-list.ts";
import type { ToolCall } from "../context/context.ts";
import type { SelectorSpec } from "./selector.ts";

/**
 * A compiled pattern list: positive patterns are OR-ed, `!patterns` exclude, a list of only exclusions means `*`
 * minus them. Values are compared case-sensitively and must already be in NFC, as `createContext` makes them.
 */
export interface DimensionTest {
  /** Whether a value is selected and not excluded; an absent value never is. */
  matches(value: string | undefined): boolean;
  /** Whether a positive pattern matches, whatever is excluded. */
  selects(value: string): boolean;
  /** Whether an `!pattern` matches. */
  excludes(value: string): boolean;
  /** The positive patterns when none of them is a glob: an index files by them. Undefined otherwise. */
  readonly literals: readonly string[] | undefined;
  /** The literal prefix of each positive pattern; `""` where one starts with a wildcard. */
  readonly prefixes: readonly string[];
  /** The list as it was written, in NFC. */
  readonly patterns: readonly string[];
}

/** A selector as tests, one per dimension that is set. */
export interface CompiledSelector {
  readonly agents: DimensionTest | undefined;
  readonly tenants: DimensionTest | undefined;
  readonly users: DimensionTest | undefined;
  readonly tools: DimensionTest | undefined;
  readonly hookpoints: DimensionTest | undefined;
  /** Whether every named tag is present and matches. */
  readonly tags: ((tags: Readonly<Record<string, string>>) => boolean) | undefined;
}

/**
 * Compiles whom a policy concerns. O(patterns) once; a test costs one set look-up plus its globs.
 * @param spec The selector as written; undefined selects everything.
 */
export function compileSelector(spec: SelectorSpec | undefined): CompiledSelector {
  return {
    agents: dimension(spec?.agents),
    tenants: dimension(spec?.tenants),
    users: dimension(spec?.users),
    tools: dimension(spec?.tools),
    hookpoints: dimension(spec?.hookpoints),
    tags: compileTags(spec?.tags),
  };
}

const compiled = new Map<string, { readonly written: readonly string[]; readonly test: DimensionTest }>();
const MAX_COMPILED = 10_000;

/**
 * Compiles one pattern list, of a selector or of a rule that lists tools. Equal lists share one test: thousands of
 * policies name the same few agents and tools, and what is in memory once is in the processor's cache.
 * @param written Globs and `!exclusions`; an empty list matches nothing.
 */
export function compilePatterns(written: readonly string[]): DimensionTest {
  const key = written.length === 1 ? written[0]! : written.join("\n");
  const known = compiled.get(key);
  // A pattern may hold a line break itself.
  if (known !== undefined && isSameList(known.written, written)) return known.test;
  const test = testOf(written);
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  compiled.set(key, { written: [...written], test });
  return test;
}

function testOf(written: readonly string[]): DimensionTest {
  const patterns = written.map((pattern) => pattern.normalize("NFC"));
  const excluded = patterns.filter(isExclusion).map((pattern) => pattern.slice(1));
  const listed = patterns.filter((pattern) => !isExclusion(pattern));
  const positive = listed.length === 0 && excluded.length > 0 ? ["*"] : listed;
  const selects = anyOf(positive);
  const excludes = anyOf(excluded);
  return {
    matches: (value) => value !== undefined && selects(value) && !excludes(value),
    selects,
    excludes,
    literals: positive.some(isGlob) ? undefined : positive,
    prefixes: positive.map(literalPrefix),
    patterns,
  };
}

/**
 * Tells whether a tool is meant by a pattern list, under every name it has.
 *
 * A pattern that restricts matches any of the tool's names, so that a rename cannot slip past it; one that exempts
 * or permits matches only `name` and `server/originalName`, so that a server cannot borrow a trusted name for a tool.
 * @param test The compiled list.
 * @param tool The tool as it is called.
 * @param stance `deny` where being matched restricts (selectors, denylists): positive patterns are wide, exclusions
 * narrow. `allow` where being matched permits (allowlists): positive patterns are narrow, exclusions wide.
 */
export function matchesTool(test: DimensionTest, tool: ToolCall, stance: "deny" | "allow"): boolean {
  const isDeny = stance === "deny";
  if (!someName(tool, isDeny, test.selects)) return false;
  return !someName(tool, !isDeny, test.excludes);
}

function someName(tool: ToolCall, isWide: boolean, test: GlobTest): boolean {
  const { name, server, originalName } = tool;
  if (test(name)) return true;
  if (isWide && originalName !== undefined && test(originalName)) return true;
  return server !== undefined && test(`${server}/${originalName ?? name}`);
}

function dimension(patterns: readonly string[] | undefined): DimensionTest | undefined {
  return patterns === undefined ? undefined : compilePatterns(patterns);
}

function compileTags(tags: SelectorSpec["tags"]): CompiledSelector["tags"] {
  if (tags === undefined) return undefined;
  const tests = Object.entries(tags).map(
    ([name, patterns]) => [name.normalize("NFC"), compilePatterns([patterns].flat())] as const,
  );
  if (tests.length === 0) return undefined;
  return (actual) => tests.every(([name, test]) => Object.hasOwn(actual, name) && test.matches(actual[name]));
}

function isExclusion(pattern: string): boolean {
  return pattern.startsWith("!");
}

function anyOf(patterns: readonly string[]): GlobTest {
  const literals = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(compileGlob);
  if (globs.length === 0) return (value) => literals.has(value);
  return (value) => literals.has(value) || globs.some((matches) => matches(value));
}
