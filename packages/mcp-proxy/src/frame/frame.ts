import { JsonCursor, type JsonProblem } from "./json-cursor.ts";
import { recordOf, type JsonRecord } from "./json.ts";

/** One message as it came, beside one parse of it: what nothing changes leaves as these very bytes. */
export interface Frame {
  readonly raw: Uint8Array;
  readonly text: string;
  readonly message: JsonRecord;
}

/** A line that is no message. */
export interface BadFrame {
  readonly problem: "not_json" | "not_utf8" | "not_an_object" | JsonProblem;
  /** Of the request, where it can be told: whoever asked must not wait for ever. */
  readonly id?: string | number;
}

/** The deepest nesting of a message. */
const MAX_DEPTH = 128;
const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * Reads one line. A batch gives one frame for each of its messages.
 * @param raw Without its line break.
 */
export function readFrames(raw: Uint8Array): readonly Frame[] | BadFrame {
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
  const problem = new JsonCursor(text, MAX_DEPTH).problem();
  if (problem !== undefined) {
    const id = recordOf(value)?.["id"];
    return { problem, ...((typeof id === "string" || typeof id === "number") && { id }) };
  }
  if (Array.isArray(value)) return batchOf(text, value);
  const message = recordOf(value);
  return message === undefined ? { problem: "not_an_object" } : [{ raw, text, message }];
}

function batchOf(text: string, items: readonly unknown[]): readonly Frame[] | BadFrame {
  const cursor = new JsonCursor(text);
  const frames: Frame[] = [];
  for (const [at, item] of items.entries()) {
    const message = recordOf(item);
    const range = cursor.find([at]);
    if (message === undefined || range === undefined) return { problem: "not_an_object" };
    const own = text.slice(range.start, range.end);
    frames.push({ raw: encoder.encode(own), text: own, message });
  }
  return frames.length === 0 ? { problem: "not_an_object" } : frames;
}

/** The same message with some of its members replaced; all other bytes are kept. */
export function rewritten(frame: Frame, changes: readonly Change[]): Frame {
  let { text } = frame;
  for (const { path, value } of changes) text = replaced(text, path, JSON.stringify(value));
  const message = recordOf(JSON.parse(text)) ?? {};
  return { raw: encoder.encode(text), text, message };
}

/** One member and what stands there instead. */
export interface Change {
  readonly path: readonly string[];
  readonly value: unknown;
}

function replaced(text: string, path: readonly string[], json: string): string {
  const range = new JsonCursor(text).find(path);
  if (range !== undefined) return text.slice(0, range.start) + json + text.slice(range.end);
  // A member that is not there is put first into its object, which is.
  const name = path.at(-1) ?? "";
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
export function hasInexactNumber({ text }: Frame, path: readonly string[]): boolean {
  const range = new JsonCursor(text).find(path);
  if (range === undefined) return false;
  const bare = text.slice(range.start, range.end).replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  return [...bare.matchAll(/-?\d[\d.eE+-]*/g)].some(
    ([literal]) => JSON.stringify(Number(literal)) !== literal,
  );
}

/** A message of our own. */
export function ownFrame(message: JsonRecord): Frame {
  const text = JSON.stringify(message);
  return { raw: encoder.encode(text), text, message };
}
