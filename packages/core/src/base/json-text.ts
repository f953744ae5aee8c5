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

/** Every lone surrogate is written as an escape, and nothing else that starts like this. */
const ESCAPED_SURROGATE = String.raw`\ud`;

/** Whether a JSON text may hold half a character, which no UTF-8 can carry; a backslash and the letters look the same. */
export function mayHoldLoneSurrogate(json: string): boolean {
  return json.includes(ESCAPED_SURROGATE);
}

/** A number in JSON, as `JSON.stringify` writes it. */
export function written(value: number): string {
  const thousandths = value * 1_000;
  // Most durations: what the platform would write is known, and a text of each would be made anew.
  if (thousandths > 0 && thousandths < SHORT.length && Math.round(thousandths) / 1_000 === value)
    return SHORT[Math.round(thousandths)]!;
  return Number.isFinite(value) ? `${value}` : "null";
}

const SHORT: readonly string[] = Array.from({ length: 1_000 }, (_, thousandths) => `${thousandths / 1_000}`);
