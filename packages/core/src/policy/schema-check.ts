import type { core } from "zod";

/** Receives what is wrong with a value: where below it, in which words, and what to write instead. */
export type ReportProblem = (
  path: readonly (string | number)[],
  message: string,
  suggestion?: string,
) => void;

/**
 * A schema's check in code that may find several problems. Zod's own `superRefine` and `refine` say the same, with
 * classes that every bundle would carry for it.
 * @param check Looks at the value, which has the schema's shape.
 */
export function checkedBy<T>(check: (value: T, report: ReportProblem) => void): core.CheckFn<T> {
  return ({ value, issues }) =>
    check(value, (path, message, suggestion) => {
      issues.push(problemOf(value, path, message, suggestion));
    });
}

/**
 * A schema's check that something holds.
 * @param test What must be true of the value, which has the schema's shape.
 * @param message What is wrong when it does not hold, as the second half of a sentence whose first is the path.
 * @param about The suggestion, and the member that the problem is shown at (default: the value itself).
 */
export function mustHold<T>(
  test: (value: T) => boolean,
  message: string,
  about: { readonly suggestion?: string; readonly at?: string } = {},
): core.CheckFn<T> {
  const path = about.at === undefined ? [] : [about.at];
  return ({ value, issues }) => {
    if (!test(value)) issues.push(problemOf(value, path, message, about.suggestion));
  };
}

/**
 * A schema's check that a text fits a pattern, which is kept at it for the JSON Schema.
 * @param message What is wrong when it does not, as for {@link mustHold}.
 */
export function matching(
  pattern: RegExp,
  message: string,
): core.CheckFn<string> & { readonly pattern: RegExp } {
  return Object.assign(
    mustHold((text: string) => pattern.test(text), message),
    { pattern },
  );
}

function problemOf(
  input: unknown,
  path: readonly PropertyKey[],
  message: string,
  suggestion: string | undefined,
): core.$ZodRawIssue {
  // Later checks look, too: a person is told everything at once.
  return { code: "custom", input, path: [...path], message, params: { suggestion }, continue: true };
}
