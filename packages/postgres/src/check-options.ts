import { ConfigError, type ConfigIssue } from "@agentplane/core";
import { suggest } from "@agentplane/core/store";

/** Names of options by what they must be. */
export interface OptionRules {
  readonly names: readonly string[];
  /** Whole numbers from 1; those in ms no more than a timer can be set to. */
  readonly numbers: readonly string[];
}

/** Longer delays overflow the timers of Node.js, which would fire at once, and a deadline of the server; 24 days. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** A schema's name as this package takes it: an identifier of PostgreSQL, at most 63 bytes. */
const SCHEMA_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Refuses options that would silently do nothing, or something else than was meant.
 * @param factory Name of the function they were given to.
 * @throws ConfigError naming every issue
 */
export function checkOptions(factory: string, options: object, { names, numbers }: OptionRules): void {
  const given = new Map<string, unknown>(Object.entries(options));
  const issues: ConfigIssue[] = [];
  for (const name of given.keys()) {
    if (!names.includes(name))
      issues.push({ path: name, message: "unknown option", suggestion: suggest(name, names) });
  }
  for (const name of numbers) {
    const value = given.get(name);
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || Number(value) < 1)
      issues.push({ path: name, message: `must be a whole number from 1, not ${JSON.stringify(value)}` });
    else if (name.endsWith("Ms") && Number(value) > LONGEST_TIMER_MS)
      issues.push({ path: name, message: `must be at most ${LONGEST_TIMER_MS}` });
  }
  issues.push(...connectionIssues(given), ...schemaIssues(given.get("schema")));
  if (issues.length > 0) throw new ConfigError(factory, issues);
}

function connectionIssues(given: ReadonlyMap<string, unknown>): readonly ConfigIssue[] {
  const pool = given.get("pool");
  const text = given.get("connectionString");
  if ((pool === undefined) === (text === undefined))
    return [{ path: "", message: "needs either a pool or a connectionString, and not both" }];
  if (text !== undefined && (typeof text !== "string" || text === ""))
    return [{ path: "connectionString", message: "must be a text such as postgres://user@host/database" }];
  const isPool = typeof pool === "object" && pool !== null && "connect" in pool && "query" in pool;
  return pool === undefined || isPool ? [] : [{ path: "pool", message: "must be a Pool of the package pg" }];
}

function schemaIssues(schema: unknown): readonly ConfigIssue[] {
  if (
    schema === undefined ||
    (typeof schema === "string" && SCHEMA_PATTERN.test(schema) && !schema.startsWith("pg_"))
  )
    return [];
  const suggestion = "use up to 63 lower-case letters, digits and underscores, such as agentplane";
  return [{ path: "schema", message: `${JSON.stringify(schema)} cannot be a schema`, suggestion }];
}
