import { canonicalJson } from "../base/canonical-json.ts";
import { suggest } from "../base/did-you-mean.ts";
import { isGlob } from "../base/glob.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { ownMember } from "../base/own-member.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import { below, refuse, type SpecPlace } from "./spec-place.ts";
import { orderTest, type OrderTest } from "./where-order.ts";
import { allOf, anyOf, joined, negated, type Truth, type TruthTest, type Unanswered } from "./where-truth.ts";

/** The comparisons of one value; several in one object must all hold. */
export interface ValueCondition {
  readonly eq?: JsonValue;
  readonly ne?: JsonValue;
  readonly lt?: number | string;
  readonly lte?: number | string;
  readonly gt?: number | string;
  readonly gte?: number | string;
  readonly in?: readonly JsonValue[];
  /** Patterns of a text; `!pattern` excludes. */
  readonly glob?: string | readonly string[];
  readonly exists?: boolean;
  /** An object: every element of the list. A list: every one of these conditions. */
  readonly all?: ValueCondition | Scalar | readonly (ValueCondition | Scalar)[];
  /** An object: some element of the list. A list: some one of these conditions. */
  readonly any?: ValueCondition | Scalar | readonly (ValueCondition | Scalar)[];
  readonly not?: ValueCondition | Scalar;
}

/** A plain value stands for "equals". */
export type Scalar = string | number | boolean | null;

/** What a value can be: a name, a number, a flag, or content of any shape. */
export type ValueType = "text" | "number" | "boolean" | "json";

/** Where a condition is being compiled. */
export interface ValuePlace extends SpecPlace {
  /** For messages at run time: what is compared, such as `input.amount`. */
  readonly subject: string;
  /** Under an odd number of negations. */
  readonly isNegated: boolean;
  /**
   * What an absent value means: `error` has no answer; `no-match` fails the comparison, unless a negation would turn
   * that into a match.
   */
  readonly absent: "error" | "no-match";
  /** What is compared; a name (`text`) takes patterns where content (`json`) is compared exactly. */
  readonly holds: ValueType;
}

type ValueTest = TruthTest<JsonValue | undefined>;
type Operator = (operand: unknown, place: ValuePlace) => ValueTest | undefined;

/**
 * Compiles the comparisons of one value to closures; everything wrong is reported with its path.
 * @returns Undefined when something was reported.
 */
export function compileValue(spec: unknown, place: ValuePlace): ValueTest | undefined {
  if (spec === null || typeof spec !== "object") return shorthand(spec, place);
  if (Array.isArray(spec)) {
    if (place.holds === "text") return OPERATORS["glob"]?.(spec, place);
    return refuse(
      place,
      "is a list",
      "write { in: [...] } for one of several, { eq: [...] } for the list itself",
    );
  }
  const entries = Object.entries(spec);
  if (entries.length === 0)
    return refuse(place, "compares nothing", `use one of ${OPERATOR_NAMES.join(", ")}`);
  const tests = entries.map(([name, operand]) => {
    const at = below(place, name);
    const operator = ownMember(OPERATORS, name);
    return operator === undefined ? unknownOperator(name, at) : operator(operand, at);
  });
  return joined(tests, allOf);
}

function unknownOperator(name: string, place: ValuePlace): undefined {
  const nested = place.holds !== "json" ? "" : `; a nested member is written "${place.path.at(-2)}.${name}"`;
  return refuse(place, `is not a comparison`, `${suggest(name, OPERATOR_NAMES)}${nested}`);
}

function shorthand(value: unknown, place: ValuePlace): ValueTest | undefined {
  if (typeof value === "string" && place.holds === "text") return OPERATORS["glob"]?.(value, place);
  if (typeof value === "string" && isGlob(value)) {
    return refuse(
      place,
      "has a wildcard and would be compared exactly",
      "write { glob: … } for a pattern, { eq: … } else",
    );
  }
  return OPERATORS["eq"]?.(value, place);
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  eq: (operand, place) => equality([operand], place),
  ne: (operand, place) => {
    const test = equality([operand], { ...place, isNegated: !place.isNegated });
    return test && negated(test);
  },
  in: (operand, place) =>
    Array.isArray(operand) && operand.length > 0
      ? equality(operand, place)
      : refuse(place, "must be a list of values that is not empty"),
  lt: order((compared) => compared < 0),
  lte: order((compared) => compared <= 0),
  gt: order((compared) => compared > 0),
  gte: order((compared) => compared >= 0),
  glob: (operand, place) => {
    if (place.holds !== "text" && place.holds !== "json")
      return refuse(place, "compares texts, and this is none");
    const patterns = patternsOf(operand);
    if (patterns === undefined) return refuse(place, NO_PATTERNS, 'such as "/reports/*"');
    const { matches } = compilePatterns(patterns);
    const mismatch = unanswered("mismatch", place);
    return present(place, (value) =>
      typeof value === "string" ? matches(value.normalize("NFC")) : mismatch,
    );
  },
  exists: (operand, place) =>
    typeof operand === "boolean"
      ? (value) => (value !== undefined) === operand
      : refuse(place, "must be true or false"),
  all: (operand, place) => quantified(operand, place, allOf),
  any: (operand, place) => quantified(operand, place, anyOf),
  not: (operand, place) => {
    const test = compileValue(operand, { ...place, isNegated: !place.isNegated });
    return test && negated(test);
  },
};

const OPERATOR_NAMES: readonly string[] = Object.keys(OPERATORS);

function equality(operands: readonly unknown[], place: ValuePlace): ValueTest | undefined {
  const texts = new Set<string>();
  for (const operand of operands) {
    if (!isJson(operand)) return refuse(place, "is not a JSON value");
    if (!canHold(place.holds, operand)) return refuse(place, `is compared with a ${place.holds} and is none`);
    texts.add(comparable(operand));
  }
  return present(place, (value) => texts.has(comparable(value)));
}

/** Equal values have equal texts; two spellings of one text are one text. */
function comparable(value: JsonValue): string {
  return canonicalJson(value).normalize("NFC");
}

function order(holds: OrderTest["holds"]): Operator {
  return (operand, place) => {
    const isOrdered =
      typeof operand === "string" || (typeof operand === "number" && Number.isFinite(operand));
    if (!isOrdered || !canHold(place.holds, operand)) {
      return refuse(
        place,
        place.holds === "json" ? "must be a number or a text" : `must be a ${place.holds}`,
      );
    }
    return orderTest({
      operand,
      holds,
      absent: absentIn(place),
      mismatch: unanswered("mismatch", place),
    });
  };
}

function quantified(operand: unknown, place: ValuePlace, join: typeof allOf): ValueTest | undefined {
  if (Array.isArray(operand)) {
    if (operand.length === 0) return refuse(place, "must not be empty");
    const tests = operand.map((one, index) => compileValue(one, below(place, index)));
    return joined(tests, join);
  }
  const element = compileValue(operand, { ...place, subject: `${place.subject}[*]` });
  if (element === undefined) return undefined;
  const mismatch = unanswered("mismatch", place);
  return present(place, (value) =>
    Array.isArray(value) ? join(value.map((item: JsonValue) => () => element(item)))(undefined) : mismatch,
  );
}

function present(place: ValuePlace, test: (value: JsonValue) => Truth): ValueTest {
  const absent = absentIn(place);
  return (value) => (value === undefined ? absent : test(value));
}

function absentIn(place: ValuePlace): Truth {
  return place.absent === "no-match" && !place.isNegated ? false : unanswered("missing", place);
}

function unanswered(why: Unanswered["unanswered"], { subject }: ValuePlace): Unanswered {
  return Object.freeze({ unanswered: why, subject });
}

/** What is wrong with what {@link patternsOf} does not find any in. */
export const NO_PATTERNS = "must be a pattern or a list of patterns";

/** A pattern, or a list of them, as a list; undefined for anything else. */
export function patternsOf(written: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = Array.isArray(written) ? written : [written];
  return list.length > 0 && list.every(isPattern) ? list : undefined;
}

function isPattern(one: unknown): one is string {
  return typeof one === "string" && one !== "" && one !== "!";
}

/** A list is left to the run: some names come in lists. */
function canHold(holds: ValueType, operand: unknown): boolean {
  if (holds === "json" || Array.isArray(operand)) return true;
  return typeof operand === (holds === "text" ? "string" : holds);
}

function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return isJsonObject(value) && Object.values(value).every(isJson);
}
