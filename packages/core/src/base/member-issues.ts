import { suggest } from "./did-you-mean.ts";
import type { ConfigIssue } from "./errors.ts";

/** Finds members of an option that do not exist: they would silently do nothing. */
export function memberIssues(
  option: string,
  value: object,
  names: readonly string[],
): readonly ConfigIssue[] {
  return Object.keys(value)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      path: `${option}.${name}`,
      message: "unknown option",
      suggestion: suggest(name, names),
    }));
}
