import type { core } from "zod";

import { kindOf } from "../base/argument.ts";
import { looksLikeSecret } from "./literal-secret.ts";

/**
 * Says what is wrong with a value as the second half of a sentence whose first half is its path:
 * `policies[0].blocking[2].limit` — `must be at least 1`.
 * @param issue The raw issue of zod, with the value it is about.
 */
export function wordsFor(issue: core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeWords(issue.expected, issue.input);
    case "invalid_value":
      return valueWords(issue.values, issue.input);
    case "too_small":
      return sizeWords(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return sizeWords(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return issue.format === "regex" ? `must match ${issue.pattern}` : `must be a valid ${issue.format}`;
    case "invalid_union":
      return unionWords(issue);
    case "unrecognized_keys":
      return "is not a known field";
    case "invalid_key":
      return "has a name that is not allowed";
    default:
      // Zod's list is open; its own later codes are at least reported.
      return "is not valid";
  }
}

/** `"a", "b" or "c"`. */
export function listOf(values: readonly unknown[]): string {
  const words = values.map((value) => JSON.stringify(value) ?? String(value));
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function typeWords(expected: string, input: unknown): string {
  const wanted = TYPE_WORDS[expected];
  if (wanted === undefined) return input === undefined ? "is required" : `must be ${expected}`;
  if (input === undefined) return `is required and must be ${wanted}`;
  if (expected === "int" && typeof input === "number") return `must be a whole number, not ${input}`;
  return `must be ${wanted}, not ${receivedWords(input)}`;
}

function receivedWords(input: unknown): string {
  const isShown = typeof input === "boolean" || (typeof input === "number" && !Number.isFinite(input));
  return isShown ? String(input) : kindOf(input);
}

function valueWords(values: readonly unknown[], input: unknown): string {
  if (input === undefined) return `is required and must be ${listOf(values)}`;
  return `must be ${listOf(values)}${shownInput(input)}`;
}

/** A wrong word is shown, so that it is found in the file; nothing long and nothing that may be a secret. */
function shownInput(input: unknown): string {
  if (typeof input === "string" && (input.length > 32 || looksLikeSecret(input))) return "";
  if (typeof input === "object" && input !== null) return `, not ${receivedWords(input)}`;
  return `, not ${JSON.stringify(input)}`;
}

function sizeWords(origin: string, how: string, bound: number | bigint): string {
  switch (origin) {
    case "string":
      return how === "at least" && bound === 1 ? "must not be empty" : `must have ${how} ${bound} characters`;
    case "array":
    case "set":
      return how === "at least" && bound === 1 ? "must not be empty" : `must list ${how} ${bound} items`;
    case "object":
    case "record":
    case "map":
      return `must have ${how} ${bound} fields`;
    default:
      return `must be ${how} ${bound}`;
  }
}

function unionWords(issue: core.$ZodRawIssue<core.$ZodIssueInvalidUnion>): string {
  if (issue.errors.length === 0) return "must name a known variant";
  const wanted = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) => {
      if (inner.path.length > 0) return [];
      if (inner.code === "invalid_type") return [TYPE_WORDS[inner.expected] ?? inner.expected];
      return inner.code === "invalid_value" ? [listOf(inner.values)] : [];
    }),
  );
  if (issue.input === undefined) return `is required and must be ${[...new Set(wanted)].join(" or ")}`;
  return wanted.length === 0
    ? "fits none of its variants"
    : `must be ${[...new Set(wanted)].join(" or ")}${shownInput(issue.input)}`;
}
