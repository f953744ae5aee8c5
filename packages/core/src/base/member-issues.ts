import { suggest } from "./did-you-mean.ts";
import type { ConfigIssue } from "./errors.ts";

/**
 * Finds members of an option that do not exist: they would silently do nothing.
 * @param prefix What stands before a member in a path, such as `ports.`.
 */
export function memberIssues(
  prefix: string,
  value: object,
  names: readonly string[],
): readonly ConfigIssue[] {
  return Object.keys(value)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      path: `${prefix}${name}`,
      message: "unknown option",
      suggestion: suggest(name, names),
    }));
}
