import { suggest } from "../base/did-you-mean.ts";
import { ConfigError, type ConfigIssue } from "../base/errors.ts";

/** What an adapter's identity may say beside `tenant`, `user`, `session` and `tags`. */
export interface IdentityForm {
  /** Whether it names the agent. Default true. */
  readonly isNamed?: boolean;
  /** Further names, such as `approver`. */
  readonly texts?: readonly string[];
  /** Objects that say where a framework holds tenant, user and session, such as `fromRun`. */
  readonly places?: readonly string[];
}

/**
 * Refuses an identity, as an application gives it to an adapter, that would say less than was meant: under a `tenantId` or an
 * empty tenant a call would be nobody's, and no policy of that tenant would meet it.
 * @param source The function it was given to, such as `govern`.
 * @param identity What was given.
 * @param form What it may say.
 * @throws ConfigError naming every issue
 */
export function checkIdentity(source: string, identity: unknown, form: IdentityForm = {}): void {
  const issues: ConfigIssue[] = [];
  if (isObject(identity, ROOT, issues)) {
    const { isNamed = true, texts = [], places = [] } = form;
    const names = [...(isNamed ? ["agent"] : []), ...WHO, ...texts];
    readNames(identity, { where: ROOT, names, others: ["tags", ...places] }, issues);
    if (isNamed && identity["agent"] === undefined) issues.push(noName(`${ROOT}.agent`));
    for (const place of places) readPlace(identity[place], `${ROOT}.${place}`, issues);
    readTags(identity["tags"], `${ROOT}.tags`, issues);
  }
  if (issues.length > 0) throw new ConfigError(source, issues);
}

const ROOT = "identity";
const WHO = ["tenant", "user", "session"];

type Members = Readonly<Record<string, unknown>>;

function readNames(
  given: Members,
  { where, names, others }: { where: string; names: readonly string[]; others: readonly string[] },
  issues: ConfigIssue[],
): void {
  const known = [...names, ...others];
  // Inherited members count, as they do where they are read.
  for (const name in given) {
    const path = `${where}.${name.slice(0, 64)}`;
    if (!known.includes(name))
      issues.push({ path, message: "unknown member", suggestion: suggest(name, known) });
    else if (names.includes(name) && !isName(given[name])) issues.push(noName(path));
  }
}

function isName(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value !== "");
}

function noName(path: string): ConfigIssue {
  const suggestion = "use a non-empty text, or leave it out where it is optional";
  return { path, message: "is no name", suggestion };
}

function readPlace(place: unknown, where: string, issues: ConfigIssue[]): void {
  if (place !== undefined && isObject(place, where, issues))
    readNames(place, { where, names: WHO, others: [] }, issues);
}

function readTags(tags: unknown, where: string, issues: ConfigIssue[]): void {
  if (tags === undefined || !isObject(tags, where, issues)) return;
  for (const name in tags) {
    if (typeof tags[name] === "string") continue;
    issues.push({ path: `${where}.${name.slice(0, 64)}`, message: "is no text", suggestion: "use a text" });
  }
}

function isObject(value: unknown, path: string, issues: ConfigIssue[]): value is Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return true;
  issues.push({ path, message: "is no object", suggestion: "use { … }" });
  return false;
}
