import { $ZodObject } from "zod/v4/core";
import * as z from "zod/mini";

import { guessFor } from "../base/did-you-mean.ts";
import { looksLikeSecret } from "./literal-secret.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import { listOf, wordsFor } from "./zod-words.ts";

/**
 * Checks a value against a schema and reports what is wrong in agentplane's words: which field, what it must be, and
 * what was probably meant.
 * @param schema Any zod schema, a custom rule's included; its own error texts are kept.
 * @param value The copied value at `path`.
 * @param at Where the value lies and who receives the issues.
 * @returns What the schema made of the value; undefined when it does not fit.
 */
export function checkAgainst(
  schema: z.core.$ZodType,
  value: unknown,
  at: { readonly path: IssuePath; readonly issues: IssueList },
): unknown {
  // Most configurations are right, and preparing to explain what is wrong costs more than checking.
  const quick = z.safeParse(schema, value);
  if (quick.success) return quick.data;
  // The raw issue knows the schema, the finished one does not; the array of keys is the same object in both.
  const knownByKeys = new WeakMap<object, readonly string[]>();
  const error: z.core.$ZodErrorMap = (issue) => {
    if (issue.code === "unrecognized_keys") knownByKeys.set(issue.keys, shapeKeys(issue.inst));
    return wordsFor(issue);
  };
  const result = z.safeParse(schema, value, { error, reportInput: true });
  if (result.success) return result.data;
  const reporter = new Reporter(at.issues, knownByKeys);
  for (const issue of result.error.issues) reporter.report(issue, at.path);
  return undefined;
}

/** The member names an object schema declares; empty for any other schema. */
export function shapeKeys(schema: unknown): readonly string[] {
  return schema instanceof $ZodObject ? Object.keys(schema._zod.def.shape) : [];
}

class Reporter {
  readonly #issues: IssueList;
  readonly #knownByKeys: WeakMap<object, readonly string[]>;

  constructor(issues: IssueList, knownByKeys: WeakMap<object, readonly string[]>) {
    this.#issues = issues;
    this.#knownByKeys = knownByKeys;
  }

  report(issue: z.core.$ZodIssue, base: IssuePath): void {
    const path = [...base, ...issue.path];
    switch (issue.code) {
      case "unrecognized_keys":
        return this.#unknownKeys(issue, path);
      case "invalid_union":
        return this.#union(issue, path);
      case "invalid_key":
        for (const inner of issue.issues) this.#issues.add(path, `has a name that ${inner.message}`);
        return;
      case "invalid_value":
        return this.#issues.add(path, issue.message, suggestValue(issue.input, issue.values));
      case "custom":
        return this.#issues.add(path, issue.message, suggestionOf(issue.params));
      default:
        return this.#issues.add(path, issue.message);
    }
  }

  #unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: IssuePath): void {
    const known = this.#knownByKeys.get(issue.keys) ?? [];
    for (const key of issue.keys)
      this.#issues.add([...path, key], "is not a known field", suggestField(key, known));
  }

  /** Zod lists what every branch disliked; people meant one of them. */
  #union(issue: z.core.$ZodIssueInvalidUnion, path: IssuePath): void {
    const options = "options" in issue ? (issue.options ?? []) : [];
    if (issue.errors.length === 0) {
      return this.#issues.add(path, issue.message, suggestValue(memberAt(issue), options));
    }
    const meant = meantBranch(issue.errors);
    if (meant === undefined) {
      const words = issue.errors
        .flat()
        .flatMap((inner) => (isAboutTheWhole(inner) && "values" in inner ? inner.values : []));
      return this.#issues.add(path, issue.message, guessOf(issue.input, words));
    }
    for (const inner of meant) this.report(inner, path);
  }
}

/** The branch that understood the most: the one whose complaints lie inside the value, not about its very type. */
function meantBranch(
  branches: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const inside = branches.filter((issues) => !issues.some(isAboutTheWhole));
  const known = inside.filter((issues) => !issues.some((issue) => issue.code === "unrecognized_keys"));
  const candidates = known.length > 0 ? known : inside;
  const fewest = candidates.toSorted((a, b) => a.length - b.length)[0];
  if (fewest !== undefined) return fewest;
  return branches.length === 1 ? branches[0] : undefined;
}

function isAboutTheWhole(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

/** The member that chooses the branch of a discriminated union, as it was written. */
function memberAt(issue: z.core.$ZodIssueInvalidUnion): unknown {
  const { input, discriminator } = issue;
  if (typeof input !== "object" || input === null || discriminator === undefined) return undefined;
  // Read by name from data that was copied; absent is undefined.
  return (input as Readonly<Record<string, unknown>>)[discriminator];
}

/** What to write instead of an unknown field. */
export function suggestField(key: string, known: readonly string[]): string | undefined {
  return guessFor(key, known) ?? (known.length === 0 ? "remove it" : `known fields: ${known.join(", ")}`);
}

function suggestValue(input: unknown, values: readonly z.core.util.Primitive[]): string | undefined {
  const words = values.filter((value) => typeof value === "string");
  if (typeof input !== "string" || words.length === 0 || looksLikeSecret(input)) return undefined;
  return guessOf(input, words) ?? `use ${listOf(words)}`;
}

function guessOf(input: unknown, values: readonly z.core.util.Primitive[]): string | undefined {
  if (typeof input !== "string") return undefined;
  return guessFor(
    input,
    values.filter((value) => typeof value === "string"),
  );
}

function suggestionOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const suggestion = params?.["suggestion"];
  return typeof suggestion === "string" ? suggestion : undefined;
}
