import { ViewBuilder } from "./view-builder.ts";
import type { View } from "./view.ts";

const ESCAPE =
  /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp|excl|colon|comma|period|sol|lpar|rpar|Tab|NewLine));|\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})/g;

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  excl: "!",
  colon: ":",
  comma: ",",
  period: ".",
  sol: "/",
  lpar: "(",
  rpar: ")",
  Tab: "\t",
  NewLine: "\n",
};

/** The pattern by which {@link unescapeView} finds escapes, for the test that proves it safe. */
export const UNESCAPE_PATTERNS: readonly RegExp[] = [ESCAPE];

/**
 * Undoes HTML entities, percent escapes and JavaScript escapes (`\u0041`, `\u{41}`, `\x41`) in one pass.
 * Percent escapes beyond ASCII are read as single bytes, which is enough for the Latin text that patterns look for. O(n).
 * @param view The view to read.
 * @returns The decoded view, or `undefined` when there is nothing to undo.
 */
export function unescapeView(view: View): View | undefined {
  const builder = new ViewBuilder(view);
  let position = 0;
  for (const match of view.text.matchAll(ESCAPE)) {
    const decoded = decodeEscape(match);
    if (decoded === undefined) continue;
    builder.appendUnits(view.text.slice(position, match.index), position);
    position = match.index + match[0].length;
    builder.append(decoded, match.index, position);
  }
  if (position === 0) return undefined;
  builder.appendUnits(view.text.slice(position), position);
  return builder.build(`${view.name}+unescaped`);
}

function decodeEscape(match: RegExpExecArray): string | undefined {
  const [, decimal, hexEntity, name, braced, unicode, hex, percent] = match;
  if (name !== undefined) return NAMED[name];
  if (decimal !== undefined) return fromCodePoint(Number.parseInt(decimal, 10));
  return fromCodePoint(Number.parseInt(hexEntity ?? braced ?? unicode ?? hex ?? percent ?? "", 16));
}

function fromCodePoint(code: number): string | undefined {
  return code > 0 && code <= 0x10_ffff ? String.fromCodePoint(code) : undefined;
}
