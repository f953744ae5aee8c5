import { AgentplaneError } from "./errors.ts";
import { quoted } from "./json-text.ts";

/**
 * Serialises a JSON value in the one canonical way, so that equal values have equal bytes.
 * @param value A JSON value: finite numbers only, no cycle, `undefined` members are left out.
 * @returns The text of RFC 8785 (JSON Canonicalization Scheme): sorted keys by UTF-16 unit, no spaces.
 * @throws AgentplaneError `content_refused` for what JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

const MAX_DEPTH = 256;

function write(value: unknown, depth: number): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isFinite(value)) throw refused("a number that is not finite");
      // RFC 8785 section 3.2.2.3: as ECMAScript writes it, and -0 as 0; several times faster than `JSON.stringify`.
      return `${value}`;
    case "object":
      break;
    default:
      throw refused(`a ${typeof value}`);
  }
  if (depth > MAX_DEPTH) throw refused("a value nested too deeply, or in a circle");
  return Array.isArray(value) ? writeItems(value, depth) : writeMembers(value, depth);
}

function writeItems(items: readonly unknown[], depth: number): string {
  let text = "[";
  for (let at = 0; at < items.length; at++) {
    const item = items[at];
    text += `${at === 0 ? "" : ","}${item === undefined ? "null" : write(item, depth + 1)}`;
  }
  return `${text}]`;
}

function writeMembers(value: object, depth: number): string {
  if (!isSorted(value)) return writeSorted(value, depth);
  let text = "";
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member === undefined) continue;
    if (text !== "") text += ",";
    text += quoted(key);
    text += ":";
    text += write(member, depth + 1);
  }
  return `{${text}}`;
}

/** The default sort compares UTF-16 code units, exactly as RFC 8785 section 3.2.3 asks. */
function writeSorted(value: object, depth: number): string {
  let text = "";
  for (const key of Object.keys(value).toSorted()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member === undefined) continue;
    if (text !== "") text += ",";
    text += quoted(key);
    text += ":";
    text += write(member, depth + 1);
  }
  return `{${text}}`;
}

/** Most objects are; then no list of their names is made. */
function isSorted(value: object): boolean {
  let before = "";
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (before > key) return false;
    before = key;
  }
  return true;
}
function refused(what: string): AgentplaneError {
  return new AgentplaneError("content_refused", `canonical JSON cannot carry ${what}; pass plain JSON data`, {
    data: { what },
  });
}
