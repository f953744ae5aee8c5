import { checkIdentity, ConfigError, type ConfigIssue } from "@agentplane/core";

import type { GovernedIdentity } from "./identity.ts";

/**
 * Refuses an identity that would say less than was meant: a call without its tenant would be judged as nobody's.
 * @param source The function it was given to.
 * @throws ConfigError naming every issue
 */
export function checkGoverned(source: string, identity: GovernedIdentity): void {
  checkIdentity(source, identity, { texts: ["approver"] });
}

/**
 * Refuses options that would silently do nothing.
 * @param known The names there are.
 * @throws ConfigError naming every issue
 */
export function checkNames(source: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  refuse(
    source,
    unknown.map((path) => ({
      path,
      message: "unknown option",
      suggestion: `use one of ${known.join(", ")}`,
    })),
  );
}

/**
 * Refuses a choice that there is not.
 * @throws ConfigError naming it
 */
export function checkChoice(
  source: string,
  choice: { readonly path: string; readonly value: string },
  known: readonly string[],
): void {
  const { path, value } = choice;
  if (known.includes(value)) return;
  const suggestion = `use one of ${known.join(", ")}`;
  refuse(source, [{ path, message: `"${value}" is not a choice`, suggestion }]);
}

function refuse(source: string, issues: readonly ConfigIssue[]): void {
  if (issues.length > 0) throw new ConfigError(source, issues);
}
