import { AgentplaneError } from "./errors.ts";

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
    case "boolean":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw refused("a number that is not finite");
      return JSON.stringify(value);
    case "object":
      break;
    default:
      throw refused(`a ${typeof value}`);
  }
  if (depth > MAX_DEPTH) throw refused("a value nested too deeply, or in a circle");
  if (Array.isArray(value)) {
    return `[${value.map((item: unknown) => (item === undefined ? "null" : write(item, depth + 1))).join(",")}]`;
  }
  let text = "";
  // The default sort compares UTF-16 code units, exactly as RFC 8785 section 3.2.3 asks.
  for (const [key, member] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (member === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${write(member, depth + 1)}`;
  }
  return `{${text}}`;
}

function refused(what: string): AgentplaneError {
  return new AgentplaneError("content_refused", `canonical JSON cannot carry ${what}; pass plain JSON data`, {
    data: { what },
  });
}
