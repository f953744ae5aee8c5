import { ConfigError, type ConfigIssue } from "@agentplane/core";

const IDENTITY = ["agent", "tenant", "user", "session", "tags", "approver"] as const;

/**
 * Refuses an identity with a misspelt member: a call without its tenant would be judged as nobody's.
 * @param source The function it was given to.
 * @throws ConfigError naming every issue
 */
export function checkIdentity(source: string, identity: object): void {
  checkNames(source, identity, IDENTITY);
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
