import { decodeBase64, isBase64Char } from "./base64-bytes.ts";
import { readUtf8 } from "./utf8-text.ts";
import { ViewBuilder } from "./view-builder.ts";
import type { View } from "./view.ts";

/** Shorter runs are words and identifiers. */
const MIN_ENCODED_CHARS = 24;
/** A line of at least this length may continue on the next line (MIME wraps at 76, PEM at 64). */
const MIN_WRAPPED_LINE_CHARS = 60;
const MIN_PRINTABLE_SHARE = 0.95;

/**
 * Decodes every stretch of base64 or base64url that turns out to be text, each as a view of its own. O(n).
 * @param view The view to read.
 * @param maxBytes How many decoded bytes to spend at most, over all stretches.
 * @returns The decoded views, and the bytes they took.
 */
export function base64Views(
  view: View,
  maxBytes: number,
): { readonly views: readonly View[]; readonly usedBytes: number } {
  const views: View[] = [];
  let usedBytes = 0;
  let index = 0;
  while (index < view.text.length && usedBytes < maxBytes) {
    if (!isBase64Char(view.text.charCodeAt(index))) {
      index += 1;
      continue;
    }
    const end = stretchEnd(view.text, index);
    if (end - index >= MIN_ENCODED_CHARS) {
      const bytes = decodeBase64(view.text, { from: index, to: end, maxBytes: maxBytes - usedBytes });
      const decoded = toTextView(view, bytes, end);
      // Only text counts against the budget: filler that merely looks like base64 must not use it up.
      usedBytes += decoded === undefined ? 0 : bytes.length;
      if (decoded !== undefined) views.push(decoded);
    }
    index = end;
  }
  return { views, usedBytes };
}

function stretchEnd(text: string, from: number): number {
  let end = from;
  let lineStart = from;
  for (;;) {
    while (end < text.length && isBase64Char(text.charCodeAt(end))) end += 1;
    const next = end + (text.startsWith("\r\n", end) ? 2 : text.startsWith("\n", end) ? 1 : 0);
    if (next === end || end - lineStart < MIN_WRAPPED_LINE_CHARS || !isBase64Char(text.charCodeAt(next)))
      return end;
    lineStart = next;
    end = next;
  }
}

function toTextView(
  view: View,
  bytes: readonly { value: number; index: number }[],
  end: number,
): View | undefined {
  const characters = readUtf8(bytes);
  const printable = characters.filter(({ char }) => isPrintable(char)).length;
  if (characters.length === 0 || printable / characters.length < MIN_PRINTABLE_SHARE) return undefined;
  const builder = new ViewBuilder(view);
  for (const { char, from, to } of characters) {
    builder.append(char, bytes[from]?.index ?? 0, to < bytes.length ? (bytes[to]?.index ?? end) + 1 : end);
  }
  return builder.build(`${view.name}+base64`);
}

function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return code === 9 || code === 10 || code === 13 || (code >= 32 && code !== 127 && code !== 0xfffd);
}
