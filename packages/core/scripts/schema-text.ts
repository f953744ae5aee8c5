import { isJsonObject, type JsonObject, type JsonValue } from "../src/base/json.ts";
import { LIMIT_SUBJECTS } from "../src/policy/limit.ts";
import { MODES } from "../src/policy/mode.ts";

/** A Markdown table with its columns aligned, as the formatter leaves it. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, 3, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[], fill = " "): string =>
    `|${cells.map((cell, at) => ` ${cell.padEnd(widths[at] ?? 0, fill)} `).join("|")}|`;
  return [
    line(head),
    line(
      head.map(() => ""),
      "-",
    ),
    ...rows.map((row) => line(row)),
  ].join("\n");
}

/** Says in a few words which values a JSON Schema admits. */
export function typeText(schema: JsonObject): string {
  const { anyOf, items } = schema;
  if (isWindow(schema)) return "window";
  if (isSubject(schema)) return "subject, or a list of them";
  if (schema["const"] !== undefined) return code(schema["const"]);
  if (Array.isArray(schema["enum"])) return schema["enum"].map((value: JsonValue) => code(value)).join(", ");
  if (Array.isArray(anyOf))
    return anyOf.map((one: JsonValue) => (isJsonObject(one) ? typeText(one) : "")).join(", or ");
  switch (schema["type"]) {
    case "array":
      return isJsonObject(items) ? listText(items) : "a list";
    case "object":
      return objectText(schema);
    case "string":
      return stringText(schema);
    case "integer":
      return `a whole number${rangeText(schema)}`;
    case "number":
      return `a number${rangeText(schema)}`;
    case "boolean":
      return "true or false";
    default:
      return "any value";
  }
}

function isWindow({ anyOf }: JsonObject): boolean {
  return (
    Array.isArray(anyOf) && anyOf.some((one: JsonValue) => isJsonObject(one) && one["const"] === "lifetime")
  );
}

function isSubject({ anyOf }: JsonObject): boolean {
  const [first] = Array.isArray(anyOf) ? anyOf : [];
  return (
    isJsonObject(first) && Array.isArray(first["enum"]) && LIMIT_SUBJECTS.every((one) => listed(first, one))
  );
}

function listed({ enum: values }: JsonObject, value: string): boolean {
  return Array.isArray(values) && values.includes(value);
}

function listText(items: JsonObject): string {
  if (Array.isArray(items["enum"])) return `a list of ${typeText(items)}`;
  if (items["type"] === "object") return `a list of ${objectText(items)}`;
  return items["maxLength"] === undefined ? "a list of names" : "a list of patterns";
}

function objectText(schema: JsonObject): string {
  const members = isJsonObject(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const isMode = members.some(
    ([name, member]) => name === "mode" && isJsonObject(member) && isModeList(member),
  );
  if (isMode) return "a mode change";
  if (members.length === 0) return "an object";
  return `\`{ ${members.map(([name]) => name).join(", ")} }\``;
}

function isModeList({ enum: values }: JsonObject): boolean {
  return Array.isArray(values) && values.length === MODES.length && values.includes(MODES[0]);
}

function stringText({ pattern, description }: JsonObject): string {
  if (typeof pattern !== "string") return "a text";
  if (pattern.includes("ms|s|m|h")) return "duration";
  if (pattern.includes("https?")) return "an http or https address";
  return typeof description === "string" ? description : "a name";
}

function rangeText({ minimum, exclusiveMinimum, maximum }: JsonObject): string {
  // What every whole number of JavaScript is, nobody needs to be told.
  const isBounded = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER;
  const from = typeof minimum === "number" ? ` from ${minimum}` : "";
  const above = typeof exclusiveMinimum === "number" ? ` above ${exclusiveMinimum}` : "";
  return `${from}${above}${isBounded ? ` to ${maximum}` : ""}`;
}

function code(value: JsonValue): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
