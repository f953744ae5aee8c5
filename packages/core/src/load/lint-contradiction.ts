import { canonicalJson } from "../base/canonical-json.ts";
import { isGlob } from "../base/glob.ts";
import { ownMember } from "../base/own-member.ts";
import { WHERE_FIELDS, WHERE_SECTIONS } from "../rules/where-field.ts";

/**
 * Finds what a structured condition says of one value that no value can be. Never wrongly found; what `not` denies, and
 * patterns, are not looked into.
 * @returns The value's name, such as `input.amount`.
 */
export function contradictionIn(condition: unknown): string | undefined {
  const said = new Map<string, Limits>();
  return collect(condition, said) ?? [...said].find(([, limits]) => !canBe(limits))?.[0];
}

/** What must be true of one value, all at once. */
interface Limits {
  /** Lists of values of which it is one. */
  readonly among: unknown[][];
  readonly not: unknown[];
  readonly bounds: Bound[];
  isAbsent: boolean;
  isPresent: boolean;
}

interface Bound {
  readonly operator: string;
  readonly operand: unknown;
}

/** @returns A contradiction that is found on the way. */
function collect(condition: unknown, said: Map<string, Limits>): string | undefined {
  for (const [key, value] of entriesOf(condition)) {
    const section = ownMember(WHERE_SECTIONS, key);
    if (key === "all") {
      for (const part of listOf(value)) {
        const found = collect(part, said);
        if (found !== undefined) return found;
      }
    } else if (key === "any") {
      const found = listOf(value).map(contradictionIn);
      if (found.every((one) => one !== undefined)) return found[0];
    } else if (section !== undefined) {
      for (const [member, comparison] of entriesOf(value))
        add(said, `${key}.${member}`, { comparison, isName: section.members !== "paths" });
    } else if (ownMember(WHERE_FIELDS, key) !== undefined) {
      add(said, key, { comparison: value, isName: true });
    }
  }
  return undefined;
}

interface Compared {
  readonly comparison: unknown;
  /** Plain values are patterns. */
  readonly isName: boolean;
}

function add(said: Map<string, Limits>, subject: string, compared: Compared): void {
  const limits = said.get(subject) ?? { among: [], not: [], bounds: [], isAbsent: false, isPresent: false };
  said.set(subject, limits);
  limit(limits, compared);
}

function limit(limits: Limits, { comparison, isName }: Compared): void {
  if (comparison === null || typeof comparison !== "object") {
    const isPattern = isName && typeof comparison === "string";
    if (!isPattern || !(isGlob(comparison) || comparison.startsWith("!"))) limits.among.push([comparison]);
    return;
  }
  if (Array.isArray(comparison)) return;
  for (const [operator, operand] of Object.entries(comparison)) {
    if (operator === "exists") {
      if (operand === true) limits.isPresent = true;
      else limits.isAbsent = true;
    } else if (operator === "all" && Array.isArray(operand)) {
      for (const part of operand) limit(limits, { comparison: part, isName });
    } else {
      limitBy(limits, operator, operand);
    }
  }
}

function limitBy(limits: Limits, operator: string, operand: unknown): void {
  // Of what is denied, or true of one of several, nothing is known here.
  if (operator === "not" || (operator === "any" && Array.isArray(operand))) return;
  limits.isPresent = true;
  if (operator === "eq") limits.among.push([operand]);
  else if (operator === "in") limits.among.push([...listOf(operand)]);
  else if (operator === "ne") limits.not.push(operand);
  else if (ORDERS.has(operator)) limits.bounds.push({ operator, operand });
}

const ORDERS: ReadonlySet<string> = new Set(["lt", "lte", "gt", "gte"]);

function canBe({ among, not, bounds, isAbsent, isPresent }: Limits): boolean {
  if (isAbsent) return !isPresent && among.length === 0;
  const [some, ...others] = among;
  if (some === undefined) return canBeBetween(bounds);
  return some.some(
    (value) =>
      others.every((values) => includes(values, value)) &&
      !includes(not, value) &&
      bounds.every((bound) => isWithin(value, bound)),
  );
}

/** Without a value that it must be, two bounds at a time decide: the nearest of each side. */
function canBeBetween(bounds: readonly Bound[]): boolean {
  return bounds.every((one) => bounds.every((other) => leavesRoom(one, other)));
}

function leavesRoom(one: Bound, other: Bound): boolean {
  if (typeof one.operand !== typeof other.operand) return false;
  const [isLower, isUpper] = [one.operator.startsWith("g"), other.operator.startsWith("l")];
  if (!isLower || !isUpper) return true;
  const isMet = one.operator === "gte" && other.operator === "lte";
  return isWithin(one.operand, { operator: isMet ? "lte" : "lt", operand: other.operand });
}

/** Both are a number or both a text, as conditions compare them. */
function isWithin(value: unknown, { operator, operand }: Bound): boolean {
  if (typeof value !== typeof operand) return false;
  // Such a text equals all its spellings, and each has an order of its own.
  if (typeof value === "string" && value.normalize("NFD") !== value.normalize("NFC")) return true;
  const [one, other] = [value as number, operand as number];
  switch (operator) {
    case "lt":
      return one < other;
    case "lte":
      return one <= other;
    case "gt":
      return one > other;
    default:
      return one >= other;
  }
}

function includes(values: readonly unknown[], value: unknown): boolean {
  const text = comparable(value);
  return values.some((one) => comparable(one) === text);
}

/** As conditions compare: equal values have equal texts. */
function comparable(value: unknown): string {
  return canonicalJson(value).normalize("NFC");
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(Object(value));
}
