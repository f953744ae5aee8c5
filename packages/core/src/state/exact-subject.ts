import { requireChoice, requireObject } from "../base/argument.ts";
import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import { isGlob } from "../base/glob.ts";

/** What a plug or a mode concerns, as anybody may hand it in. */
interface Subject {
  readonly kind: string;
  readonly id?: string;
  readonly tenant?: string | null;
}

/**
 * Refuses what is no subject at all.
 * @param where The argument as its caller knows it.
 * @param kinds What a subject may be here: a misspelt one would be recorded and concern nobody.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireSubject(where: string, subject: unknown, kinds: readonly string[]): void {
  requireObject(where, subject, '{ kind: "agent", id: "support" }');
  requireChoice(`${where}.kind`, (subject as Partial<Subject>).kind, kinds);
}

const EVERYTHING = ["kind"] as const;
const NAMED = ["kind", "id", "tenant"] as const;

/**
 * Refuses a subject that would concern others than it seems to: a misspelt member would be ignored and widen it, or
 * leave it without effect.
 * @param absent.mayBeNull A mode's scope names contexts without a tenant by `null`; a plug cannot.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireKnownMembers(subject: Subject, absent: { readonly mayBeNull: boolean }): void {
  const isEverything = subject.kind === "all" || subject.kind === "global";
  const members: readonly string[] = isEverything ? EVERYTHING : NAMED;
  for (const [name, value] of Object.entries(subject)) {
    if (value === undefined) continue;
    if (!members.includes(name)) throw invalid(unknownMember(name, subject.kind, isEverything));
    const isText = typeof value === "string" && value !== "";
    const isNone = value === null && name === "tenant" && absent.mayBeNull;
    if (name !== "kind" && !isText && !isNone)
      throw invalid(`"${name}" of a subject must be a non-empty text; leave it out when there is none`);
  }
}

/**
 * Refuses a pattern where one name is meant: it would name nobody, and look as if it named many.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireExactId(subject: Subject): void {
  if (subject.kind === "all" || subject.kind === "global") return;
  for (const [name, value] of [
    ["id", subject.id],
    ["tenant", subject.tenant],
  ] as const) {
    if (typeof value !== "string" || !isGlob(value)) continue;
    throw invalid(
      `"${value}" is a pattern, and the ${name} of a subject is one exact name; name each ${subject.kind}, or everything`,
    );
  }
}

function unknownMember(name: string, kind: string, isEverything: boolean): string {
  if (isEverything && (NAMED as readonly string[]).includes(name))
    return `"${kind}" is everything and has no ${name}; use kind: "${name === "tenant" ? "tenant" : "agent"}" for less`;
  return `"${name}" is not a member of a subject; ${suggest(name, isEverything ? EVERYTHING : NAMED)}`;
}

function invalid(message: string): AgentplaneError {
  return new AgentplaneError("usage_invalid", message);
}
