import type { JsonRecord } from "../frame/json.ts";

/** What is heard: a text says something; by a name something is used, and it says something only if rules find that. */
export type Saying = "text" | "name";

/**
 * Hears a text under its name, since rules may go by that.
 * @returns What is left of it; one of which nothing is left is not there.
 */
export type Hear = (words: JsonRecord, saying: Saying) => JsonRecord;

/** Members whose text a model or a person reads, wherever they stand. */
const TEXTS = new Set(["title", "description"]);
/** Names are shorter, and one word. */
const SAYS = /[\s@]|.{65}/su;

export function isTextMember(name: string, value: unknown): boolean {
  return typeof value === "string" && TEXTS.has(name);
}

/** Whether anything in a value says more than a name does. */
export function says(value: unknown): boolean {
  if (typeof value === "string") return SAYS.test(value);
  if (Array.isArray(value)) return value.some(says);
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([name, inner]) => SAYS.test(name) || says(inner));
}

/**
 * The same object member by member.
 * @param visit Adds what is to be there in the place of a member.
 */
export function membersHeard(
  record: JsonRecord,
  visit: (name: string, value: unknown, add: (left: JsonRecord) => void) => void,
): JsonRecord {
  const members = new Map<string, unknown>();
  const isTaken = (name: string): boolean => Object.hasOwn(record, name) || members.has(name);
  for (const [name, value] of Object.entries(record))
    visit(name, value, (left) => {
      for (const [now, inner] of Object.entries(left))
        members.set(now === name ? now : freeName(now, isTaken), inner);
    });
  return Object.fromEntries(members);
}

/** What was made of a name is no other member's. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  let number = 2;
  while (isTaken(`${name}_${number}`)) number++;
  return `${name}_${number}`;
}
