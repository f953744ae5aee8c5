import { JsonCursor, stringEnd, type JsonProblem, type Range } from "./json-cursor.ts";
import { recordOf, type JsonRecord } from "./json.ts";
import { isMisspelt } from "./method-names.ts";
import { isPlainJson } from "./plain-json.ts";

/** One message as it came, beside one parse of it: what nothing changes leaves as these very bytes. */
export interface Frame {
  readonly raw: Uint8Array;
  readonly text: string;
  readonly message: JsonRecord;
}

/** A line that is no message. */
export interface BadFrame {
  readonly problem:
    | "not_json"
    | "not_utf8"
    | "not_an_object"
    | "batch_too_long"
    | "misspelt_method"
    | JsonProblem;
}

/** The deepest nesting of a message. */
const MAX_DEPTH = 128;
/** The most messages of a batch: each is a call of its own, and all of them run at once. */
const MAX_BATCH = 100;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The same without a byte order mark: some readers take it for nothing, to others what follows is no JSON (RFC 8259, 8.1). */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/**
 * Reads one line. A batch gives one frame for each of its messages.
 * @param given Without its line break.
 */
export function readFrames(given: Uint8Array): readonly Frame[] | BadFrame {
  const raw = withoutMark(given);
  let text: string;
  try {
    text = decoder.decode(raw);
  } catch {
    // Bytes that are no UTF-8 could mean one thing here and another there.
    return { problem: "not_utf8" };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "not_json" };
  }
  if (Array.isArray(value) && value.length > MAX_BATCH) return { problem: "batch_too_long" };
  const problem = isPlainJson(text, value, MAX_DEPTH) ? undefined : new JsonCursor(text, MAX_DEPTH).problem();
  if (problem !== undefined) return { problem };
  if (Array.isArray(value)) return batchOf(text, value);
  const message = recordOf(value);
  if (message === undefined) return { problem: "not_an_object" };
  return isMisspelt(message["method"]) ? { problem: "misspelt_method" } : [{ raw, text, message }];
}

function batchOf(text: string, items: readonly unknown[]): readonly Frame[] | BadFrame {
  const frames: Frame[] = [];
  for (const [at, range] of new JsonCursor(text).items().entries()) {
    const message = recordOf(items[at]);
    if (message === undefined) return { problem: "not_an_object" };
    if (isMisspelt(message["method"])) return { problem: "misspelt_method" };
    const own = text.slice(range.start, range.end);
    frames.push({ raw: encoder.encode(own), text: own, message });
  }
  return frames.length === 0 ? { problem: "not_an_object" } : frames;
}

/** The same message with some of its members replaced; all other bytes are kept. */
export function rewritten(frame: Frame, changes: readonly Change[]): Frame {
  let { text } = frame;
  for (const { path, value } of changes) text = replaced(text, path, JSON.stringify(value));
  return frameOf(text);
}

function frameOf(text: string): Frame {
  return { raw: encoder.encode(text), text, message: recordOf(JSON.parse(text)) ?? {} };
}

/** One member and what stands there instead. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

function replaced(text: string, path: Change["path"], json: string): string {
  const range = new JsonCursor(text).find(path);
  if (range !== undefined) return text.slice(0, range.start) + json + text.slice(range.end);
  // A member that is not there is put first into its object, which is.
  const name = String(path.at(-1) ?? "");
  const parent = new JsonCursor(text).find(path.slice(0, -1));
  if (parent === undefined) return replaced(text, path.slice(0, -1), `{${JSON.stringify(name)}:${json}}`);
  const inner = text.slice(parent.start + 1, parent.end - 1).trim();
  const member = `${JSON.stringify(name)}:${json}`;
  return `${text.slice(0, parent.start)}{${member}${inner === "" ? "" : `,${inner}`}}${text.slice(parent.end)}`;
}

/**
 * Whether a value says numbers that JavaScript cannot repeat, such as 12345678901234567890: replaced as a whole, it would
 * say others.
 */
export function hasInexactNumber({ text }: Frame, path: Change["path"]): boolean {
  const range = new JsonCursor(text).find(path);
  return range !== undefined && isInexact(text, range);
}

/** The same of what stands at a place of a text. */
export function isInexact(text: string, range: Range): boolean {
  return numbersIn(text, range).some((literal) => JSON.stringify(Number(literal)) !== literal);
}

const NUMBER = /-?\d[\d.eE+-]*/y;

function numbersIn(text: string, { start, end }: Range): readonly string[] {
  const numbers: string[] = [];
  for (let at = start; at < end;) {
    NUMBER.lastIndex = at;
    const [literal] = NUMBER.exec(text) ?? [];
    if (literal !== undefined) numbers.push(literal);
    if (text[at] === '"') at = stringEnd(text, at);
    else at += literal?.length ?? 1;
  }
  return numbers;
}

/** The same message without some members of an object in it; all that stays is as it was, whatever its numbers say. */
export function without(frame: Frame, path: readonly string[], names: readonly string[]): Frame {
  let value: unknown = frame.message;
  for (const step of path) value = recordOf(value)?.[step];
  const kept = Object.keys(recordOf(value) ?? {}).filter((name) => !names.includes(name));
  return withMembers(
    frame,
    path,
    kept.map((name) => ({ name, from: name })),
  );
}

/** A member of an object: as another one stands in the message, or anew. */
export type Member =
  | { readonly name: string; readonly from: string }
  /** Text that is JSON. */
  | { readonly name: string; readonly json: string }
  | { readonly name: string; readonly value: unknown };

/** The same message with these members in an object of it, and no others. */
export function withMembers(frame: Frame, path: readonly string[], members: readonly Member[]): Frame {
  const { text } = frame;
  const cursor = new JsonCursor(text);
  const object = cursor.find(path);
  if (object === undefined) return frame;
  const places = cursor.members(path);
  const written = members.map((member) => {
    return `${JSON.stringify(member.name)}:${jsonOf(member, text, places)}`;
  });
  return frameOf(`${text.slice(0, object.start)}{${written.join(",")}}${text.slice(object.end)}`);
}

function jsonOf(member: Member, text: string, places: ReadonlyMap<string, Range>): string {
  if ("json" in member) return member.json;
  if (!("from" in member)) return JSON.stringify(member.value);
  const { start, end } = places.get(member.from) ?? NOWHERE;
  return text.slice(start, end);
}

const NOWHERE: Range = { start: 0, end: 0 };

/** Each item of a list in a message as it is written; none where there is no list. */
export function itemsIn(frame: Frame, path: Change["path"]): readonly string[] {
  const list = literalIn(frame, path);
  if (!list.startsWith("[")) return [];
  return new JsonCursor(list).items().map(({ start, end }) => list.slice(start, end));
}

/** Where each member of an object in a message stands. */
export function placesOf({ text }: Frame, path: readonly string[]): ReadonlyMap<string, Range> {
  return new JsonCursor(text).members(path);
}

/** A response under the id of its request as that is written, where JavaScript cannot repeat it. */
export function underIdOf(request: Frame, response: Frame): Frame {
  const id = request.message["id"];
  if (typeof id !== "number" || Number.isSafeInteger(id)) return response;
  const literal = literalIn(request, ["id"]);
  return literal === literalIn(response, ["id"])
    ? response
    : frameOf(replaced(response.text, ["id"], literal));
}

/** What stands at a path, as it is written; empty where nothing does. */
export function literalIn({ text }: Frame, path: Change["path"]): string {
  const { start = 0, end = 0 } = new JsonCursor(text).find(path) ?? {};
  return text.slice(start, end);
}

/** A message of our own. */
export function ownFrame(message: JsonRecord): Frame {
  const text = JSON.stringify(message);
  return { raw: encoder.encode(text), text, message };
}
