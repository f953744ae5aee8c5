import * as fc from "fast-check";
import { joined, PII, SECRETS, secretInText } from "./token-fixtures.ts";

/** Pieces of which tests build texts: whole values, broken ones, context words, and everything that stands between. */
const PIECES: readonly string[] = [
  ...Object.values(PII),
  ...Object.values(SECRETS),
  ...Object.keys(SECRETS).map(secretInText),
  ...Object.values(SECRETS).map((secret) => secret.slice(0, 30)),
  "4111111111111111",
  "jane@mail.exa",
  "@",
  ".",
  "-",
  "+",
  "1",
  "41",
  "call ",
  "order ",
  "v",
  "Bearer ",
  "::1",
  "fe80",
  ":",
  " ",
  "\n",
  "\\n",
  ", ",
  '"',
  "x",
  "\u{1f600}",
  "\u00e9",
  "%20",
  joined("ey", "J"),
  "-----BEGIN ",
  "...",
];

/** Texts in which findings begin, end, touch and break off in every way. */
export const redactableText: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 14 })
  .map((pieces) => pieces.join(""));

/** Cuts a text into chunks at arbitrary places, surrogate pairs included. */
export function chunksOf(text: string, sizes: readonly number[]): string[] {
  const chunks: string[] = [];
  let position = 0;
  for (let turn = 0; position < text.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(text.slice(position, position + size));
    position += size;
  }
  return chunks;
}
