/** A JSON object of the protocol: every member is looked at before it is used. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** @returns The value when it is an object with members (no list), else undefined. */
export function recordOf(value: unknown): JsonRecord | undefined {
  return isRecord(value) ? value : undefined;
}

/** @returns The list, or an empty one for anything that is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** @returns A text that says something, else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
