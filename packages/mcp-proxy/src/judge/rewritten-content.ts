import { isInexact, placesOf, rewritten, withMembers, type Frame, type Member } from "../frame/frame.ts";
import type { Range } from "../frame/json-cursor.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import { isHandling } from "./handling.ts";

/** What was judged, and what rules left of it. */
export interface Judged {
  readonly before: JsonRecord;
  readonly after: JsonRecord;
}

/**
 * The message with the content that rules left: members in which nothing changed stay as they are, under a new name where
 * that was redacted.
 * @param path Where the object stands whose members were judged; some of them may not have been.
 * @throws RangeError where a changed member holds a number that cannot be repeated
 */
export function rewrittenContent(frame: Frame, path: readonly string[], { before, after }: Judged): Frame {
  const { _meta: meta, ...content } = before;
  const judged = recordOf(meta);
  // A part of it may have been judged by itself, or be an id that stays.
  if (judged !== undefined && Object.hasOwn(after, "_meta")) {
    const { _meta: shown, ...rest } = after;
    const own = rewrittenMembers(frame, [...path, "_meta"], { before: judged, after: recordOf(shown) ?? {} });
    return rewrittenMembers(own, path, { before: content, after: rest });
  }
  return rewrittenMembers(frame, path, { before, after });
}

/** So many are written anew one by one; more of them at once, since each takes a walk over the message. */
const MAX_SINGLE = 8;

function rewrittenMembers(frame: Frame, path: readonly string[], { before, after }: Judged): Frame {
  const names = Object.keys(before);
  const hasNames =
    names.length === Object.keys(after).length && names.every((name) => Object.hasOwn(after, name));
  const changed = names.filter((name) => !isSame(before[name], after[name]));
  if (hasNames && changed.length === 0) return frame;
  const places = placesOf(frame, path);
  if (!hasNames || changed.length > MAX_SINGLE)
    return withMembers(frame, path, membersLeft(frame.text, places, { before, after }));
  for (const name of changed) requireExact(frame.text, places.get(name));
  return rewritten(
    frame,
    changed.map((name) => ({ path: [...path, name], value: after[name] })),
  );
}

type Places = ReturnType<typeof placesOf>;

/** All members that the object has then, each as it stands in the message wherever that can be told. */
function membersLeft(text: string, places: Places, { before, after }: Judged): readonly Member[] {
  const old = Object.keys(before);
  const left = new Set(Object.keys(after));
  // Where none was left out, each is in the place of the old one.
  const sourceOf = (name: string, at: number): string | undefined =>
    old.length === left.size ? old[at] : Object.hasOwn(before, name) ? name : undefined;
  const unjudged = [...places.keys()].filter((name) => !Object.hasOwn(before, name));
  const taken = new Set(unjudged);
  const members: Member[] = unjudged.map((name) => ({ name, from: name }));
  let isAnyLost = false;
  for (const [at, name] of [...left].entries()) {
    const from = sourceOf(name, at);
    const isKept = from !== undefined && isSame(before[from], after[name]);
    if (!isKept && from !== undefined) requireExact(text, places.get(from));
    isAnyLost ||= from === undefined;
    const free = Object.hasOwn(before, name) ? name : freeName(name, taken, left);
    taken.add(free);
    members.push(isKept ? { name: free, from } : { name: free, value: after[name] });
  }
  if (isAnyLost) for (const name of old) if (!left.has(name)) requireExact(text, places.get(name));
  return members;
}

/** What was made of a name is neither another's nor one by which a client goes. */
function freeName(name: string, taken: ReadonlySet<string>, left: ReadonlySet<string>): string {
  if (!taken.has(name) && !isHandling(name)) return name;
  let number = 2;
  while (taken.has(`${name}_${number}`) || left.has(`${name}_${number}`)) number++;
  return `${name}_${number}`;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A number that cannot be repeated would be another one: the message is withheld rather than wrong. */
function requireExact(text: string, place: Range | undefined): void {
  if (place !== undefined && isInexact(text, place))
    throw new RangeError("a redacted part of the message holds a number that cannot be repeated exactly");
}
