/**
 * Everything by which an error in a stream could be shown, as JSON: its message, its members and its causes, because
 * errors of parsing quote what they could not parse.
 */
export function errorWords(error: unknown): string {
  const shown = readable(error, new Set());
  // As an object, because redaction looks into objects: a single text would be judged with its escapes.
  return JSON.stringify(typeof shown === "object" && shown !== null ? shown : { message: String(shown) });
}

/**
 * The error to show instead, once its words were redacted: fresh, because the original's stack, cause and members would
 * repeat what was hidden.
 * @param words What rules left of `errorWords`.
 */
export function shownError(words: string): Error {
  return new Error(messageIn(words) ?? "the error was redacted");
}

function messageIn(words: string): string | undefined {
  try {
    const shown: unknown = JSON.parse(words);
    const message: unknown =
      typeof shown === "object" && shown !== null && "message" in shown && shown.message;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** @param above What is being read: a circle has been looked at already. */
function readable(value: unknown, above: Set<object>): unknown {
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (above.has(value)) return undefined;
  above.add(value);
  if (Array.isArray(value)) return value.map((item: unknown) => readable(item, above));
  const { message, cause } = value as { readonly message?: unknown; readonly cause?: unknown };
  const text = textOf(value);
  const members = { ...(text !== undefined && { text }), ...value, message, cause };
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, readable(member, above)]));
}

/** What it prints beyond its message: an object may bring its own words. */
function textOf(value: object): string | undefined {
  if (value instanceof Error)
    return `${value.name}: ${value.message}` === String(value) ? value.name : String(value);
  if (value.toString === Object.prototype.toString) return undefined;
  // oxlint-disable-next-line typescript/no-base-to-string -- what it prints is just what must be looked at
  return String(value);
}
