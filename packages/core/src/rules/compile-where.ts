import { suggest } from "../base/did-you-mean.ts";
import { isGlob } from "../base/glob.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { ownMember } from "../base/own-member.ts";
import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import type { RuleRead } from "./rule.ts";
import { below, refuse, type SpecPlace } from "./spec-place.ts";
import {
  INAPPLICABLE,
  WHERE_FIELDS,
  WHERE_SECTIONS,
  type WhereSection,
  type WhereSubject,
} from "./where-field.ts";
import { orderOf, orderTruth } from "./where-order.ts";
import { whereMemberOf, wherePath, whereValueAt } from "./where-path.ts";
import { allOf, anyOf, joined, negated, type Truth, type TruthTest } from "./where-truth.ts";
import { compileValue, NO_PATTERNS, patternsOf, type Scalar, type ValueCondition } from "./where-value.ts";

/** A structured condition: every member must hold. Names take patterns, content exact values or comparisons. */
export interface WhereSpec {
  readonly all?: readonly WhereSpec[];
  readonly any?: readonly WhereSpec[];
  readonly not?: WhereSpec;
  readonly [field: string]: WhereMember | undefined;
}

type Comparison = Scalar | readonly string[] | ValueCondition;
type WhereMember = Comparison | WhereSpec | readonly WhereSpec[] | Readonly<Record<string, Comparison>>;

/** A compiled condition and what it looks at. */
export interface CompiledWhere {
  readonly test: TruthTest<WhereSubject>;
  readonly reads: ReadonlySet<RuleRead>;
  /** It asks about what exists only after the action, or names the hookpoint itself. */
  readonly isAboutOutcome: boolean;
}

/** What compiling needs to know. */
export interface WhereOptions extends Pick<SpecPlace, "report"> {
  /** Whether a match of the whole restricts or permits: it decides under which of its names a tool is known. */
  readonly stance: "deny" | "allow";
  /** The hookpoints that exist, to find misspelt ones; default: not checked. */
  readonly hookpoints?: readonly string[];
}

/**
 * Compiles a structured condition to closures: linear in the condition and the value, no interpretation at run time.
 * @param spec The condition as written.
 * @returns Undefined when something was reported.
 */
export function compileWhere(spec: unknown, options: WhereOptions): CompiledWhere | undefined {
  const state = { reads: new Set<RuleRead>(), isAboutOutcome: false };
  const test = compileTree(spec, { ...options, state, path: [], isNegated: false });
  return test && { test, reads: state.reads, isAboutOutcome: state.isAboutOutcome };
}

interface Place extends WhereOptions, SpecPlace {
  readonly state: { readonly reads: Set<RuleRead>; isAboutOutcome: boolean };
  readonly isNegated: boolean;
}

type Test = TruthTest<WhereSubject>;

const ROOT_NAMES: readonly string[] = [
  "tool",
  ...Object.keys(WHERE_FIELDS),
  ...Object.keys(WHERE_SECTIONS),
  "all",
  "any",
  "not",
];

function compileTree(spec: unknown, place: Place): Test | undefined {
  if (!isJsonObject(spec)) return refuse(place, "must be an object of comparisons", EXAMPLE);
  const tests: (Test | undefined)[] = [];
  for (const [key, value] of Object.entries(spec)) {
    if (value === undefined) continue;
    tests.push(compileMember(key, value, below(place, key)));
  }
  return tests.length === 0 ? refuse(place, "compares nothing", EXAMPLE) : joined(tests, allOf);
}

const EXAMPLE = "such as { tool: refund, input: { amount: { gt: 500 } } }";

function compileMember(key: string, value: JsonValue, place: Place): Test | undefined {
  if (key === "all" || key === "any") return compileList(value, place, key === "all" ? allOf : anyOf);
  if (key === "not") {
    const test = compileTree(value, { ...place, isNegated: !place.isNegated });
    return test && negated(test);
  }
  if (key === "tool") return compileTool(value, place);
  const section = ownMember(WHERE_SECTIONS, key);
  if (section !== undefined) return compileSection(key, value, section, place);
  const field = ownMember(WHERE_FIELDS, key);
  if (field === undefined)
    return refuse(place, "is not something a condition can look at", suggest(key, ROOT_NAMES));
  if (key === "hookpoint" || key === "isError") place.state.isAboutOutcome = true;
  if (key === "hookpoint") checkHookpoints(value, place);
  const test = compileValue(value, { ...place, ...field, subject: key });
  return test && ((subject) => onValue(field.read(subject), key, test));
}

function checkHookpoints(value: JsonValue, { hookpoints, path, report }: Place): void {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const written of hookpoints === undefined ? [] : names) {
    const literal = typeof written === "string" && !isGlob(written) ? written.replace(/^!/, "") : undefined;
    if (literal === undefined || hookpoints?.includes(literal) === true) continue;
    report(path, `"${literal}" is not a hookpoint`, suggest(literal, hookpoints ?? []));
  }
}

function compileList(value: JsonValue, place: Place, join: typeof allOf): Test | undefined {
  if (!Array.isArray(value) || value.length === 0) return refuse(place, "must be a list of conditions");
  return joined(
    value.map((one: unknown, index) => compileTree(one, below(place, index))),
    join,
  );
}

/** A tool is asked for by patterns alone, because it has several names: which of them count depends on the stance. */
function compileTool(value: JsonValue, place: Place): Test | undefined {
  const patterns: unknown =
    isJsonObject(value) && Object.keys(value).join() === "glob" ? value["glob"] : value;
  const list = patternsOf(patterns);
  if (list === undefined)
    return refuse(place, NO_PATTERNS, 'such as "refund" or ["delete_*", "!delete_draft"]');
  const test = compilePatterns(list);
  const flipped = place.stance === "deny" ? "allow" : "deny";
  const stance = place.isNegated ? flipped : place.stance;
  return ({ context: { tool } }) =>
    tool === undefined ? inapplicable("tool") : matchesTool(test, tool, stance);
}

function compileSection(
  key: string,
  value: JsonValue,
  section: WhereSection,
  place: Place,
): Test | undefined {
  const entries = isJsonObject(value) ? Object.entries(value) : [];
  if (entries.length === 0)
    return refuse(place, "must be an object of comparisons", `such as { ${exampleMember(section)}: … }`);
  if (section.reads !== undefined) place.state.reads.add(section.reads);
  if (section.isOutcome === true) place.state.isAboutOutcome = true;
  const parts = entries.map(([member, condition]) => {
    const at = below(place, member);
    return compilePart(`${key}.${member}`, member, condition, { section, place: at });
  });
  if (!parts.every((part) => part !== undefined)) return undefined;
  const whole = parts.length === 1 ? parts[0]! : { segments: [], test: allOf(parts.map(testPart)) };
  return testSection(key, section, whole);
}

/** A comparison of one member of a section. */
interface Part {
  readonly segments: readonly (string | number)[];
  readonly test: TruthTest<JsonValue | undefined>;
}

function testPart({ segments, test }: Part): TruthTest<JsonValue | undefined> {
  return (whole) => test(whereValueAt(whole, segments));
}

/**
 * Few closures on the way to a comparison: each is a place in memory of its own, and with thousands of policies
 * fetching them takes longer than comparing.
 */
function testSection(key: string, { value }: WhereSection, { segments, test }: Part): Test {
  const missing: Truth = { unanswered: "missing", subject: key };
  const order = orderOf(test);
  const [member] = segments;
  if (order !== undefined && member !== undefined && segments.length === 1) {
    return (subject) => {
      const whole = value(subject);
      if (whole === INAPPLICABLE) return inapplicable(key);
      return whole === undefined ? missing : orderTruth(whereMemberOf(whole, member), order);
    };
  }
  return (subject) => {
    const whole = value(subject);
    if (whole === INAPPLICABLE) return inapplicable(key);
    // A history that was not handed in is not an empty one.
    return whole === undefined ? missing : test(whereValueAt(whole, segments));
  };
}

function compilePart(
  subjectName: string,
  member: string,
  condition: JsonValue,
  { section, place }: { section: WhereSection; place: Place },
): Part | undefined {
  const { members } = section;
  // Tags are in NFC, as `createContext` makes them; content keeps the names that it has.
  const segments = members === "paths" ? wherePath(member) : [member.normalize("NFC")];
  if (segments === undefined)
    return refuse(place, "is not a path", 'write "amount", "customer.country" or "items[0].price"');
  const field = typeof members === "string" ? undefined : ownMember(members, member);
  if (typeof members !== "string" && field === undefined) {
    return refuse(place, "is not something a condition can look at", suggest(member, Object.keys(members)));
  }
  const holds = field?.holds ?? (members === "tags" ? "text" : "json");
  const absent = holds === "text" ? "no-match" : "error";
  // Comparisons have no capitals of their own.
  const said: unknown = field?.isCaseless ? JSON.parse(JSON.stringify(condition).toLowerCase()) : condition;
  const test = compileValue(said, { ...place, holds, absent, subject: subjectName });
  return test && { segments, test };
}

function onValue(
  value: JsonValue | undefined | typeof INAPPLICABLE,
  subject: string,
  test: TruthTest<JsonValue | undefined>,
): Truth {
  return value === INAPPLICABLE ? inapplicable(subject) : test(value);
}

function inapplicable(subject: string): Truth {
  return { unanswered: "inapplicable", subject };
}

function exampleMember({ members }: WhereSection): string {
  return typeof members === "string" ? "name" : (Object.keys(members)[0] ?? "name");
}
