import { suggest } from "./did-you-mean.ts";
import { AgentplaneError } from "./errors.ts";

/**
 * Refuses an argument that is no object: what callers without types may hand in.
 * @param where The argument as its caller knows it, such as `controls.unplug: subject`.
 * @param example How one looks.
 * @throws AgentplaneError `usage_invalid`; the value itself is never repeated
 */
export function requireObject(where: string, value: unknown, example: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw unusable(where, `an object such as ${example}`, value);
}

/** Refuses an argument that is no list. @throws AgentplaneError `usage_invalid` */
export function requireList(where: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw unusable(where, "a list", value);
}

/** Refuses an argument that is no text, or an empty one. @throws AgentplaneError `usage_invalid` */
export function requireText(where: string, value: unknown): asserts value is string {
  if (typeof value !== "string" || value.trim() === "") throw unusable(where, "a non-empty text", value);
}

/** Refuses an argument that was left out, where anything may be given. @throws AgentplaneError `usage_invalid` */
export function requireGiven(where: string, value: unknown): void {
  if (value === undefined) throw unusable(where, "given", value);
}

/** Refuses an argument that cannot be called. @throws AgentplaneError `usage_invalid` */
export function requireFunction(where: string, value: unknown): void {
  if (typeof value !== "function") throw unusable(where, "a function", value);
}

/** Refuses a word that is none of those which exist. @throws AgentplaneError `usage_invalid` */
export function requireChoice(where: string, value: unknown, choices: readonly string[]): void {
  if (typeof value !== "string") throw unusable(where, `one of ${choices.join(", ")}`, value);
  if (choices.includes(value)) return;
  throw new AgentplaneError(
    "usage_invalid",
    `${where} cannot be "${value.slice(0, 64)}"; ${suggest(value, choices)}`,
  );
}

/** Refuses members that do not exist: they would do nothing in silence. @throws AgentplaneError `usage_invalid` */
export function requireMembers(where: string, value: object, names: readonly string[]): void {
  for (const name in value) {
    if (names.includes(name)) continue;
    throw new AgentplaneError("usage_invalid", `${where} has no "${name}"; ${suggest(name, names)}`);
  }
}

/**
 * Refuses what is no end of a call; of one that is, nothing more is made.
 * @param ends What each `status` may say.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireEnd(
  where: string,
  end: { readonly status: string },
  ends: ReadonlyMap<string, readonly string[]>,
): void {
  requireObject(where, end, '{ status: "ran", … }');
  const names = ends.get(end.status);
  if (names === undefined) requireChoice(`${where}.status`, end.status, [...ends.keys()]);
  else requireMembers(where, end, names);
}

function unusable(where: string, wanted: string, value: unknown): AgentplaneError {
  return new AgentplaneError("usage_invalid", `${where} must be ${wanted}, not ${kindOf(value)}`);
}

/** What a value is, for people; it is never repeated. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (value === "") return "an empty text";
  if (typeof value === "string") return "a text";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
