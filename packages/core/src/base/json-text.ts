/** Texts without anything to escape: most names and many values. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** Tells whether a text stands in JSON as it is. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** A text in JSON. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A text as it stands between its quotation marks in JSON. */
export function escaped(text: string): string {
  return PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

/** A number in JSON, as `JSON.stringify` writes it. */
export function written(value: number): string {
  return Number.isFinite(value) ? `${value}` : "null";
}
