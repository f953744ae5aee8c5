import { isAlphanumeric } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import { findMatches, runEnd } from "../find-matches.ts";
import type { Span } from "../span.ts";

/** The longest key block covered as one finding; an RSA key of 16,384 bits takes about 13,000 characters. */
const MAX_KEY_BLOCK_CHARS = 16_384;
/** From the header line until the key material is certain: header, up to 160 of attributes, 24 of base64. */
const HOLD_BACK_CHARS = 320;

// Header, perhaps attributes (RFC 1421 `Proc-Type: …`, `DEK-Info: …`) and line breaks, also escaped ones, then base64.
const BEGINNING =
  /-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?:[\s"'+,]|\\[nrt]){0,16}(?:[A-Z][A-Za-z-]{2,16}: [^\n\\]{1,60}(?:[\s]|\\[nrt]){1,8}){0,2}[A-Za-z0-9+/]{24}/g;
const FOOTER = /^-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----/;

/**
 * Finds private keys in PEM form (RFC 7468), also inside JSON strings with escaped line breaks and without their end.
 * A header alone, as documentation quotes it, is not a key.
 */
export const privateKey: Detector = {
  name: "privateKey",
  family: "secret",
  maxSpanChars: MAX_KEY_BLOCK_CHARS,
  holdBackChars: HOLD_BACK_CHARS,
  patterns: [BEGINNING, FOOTER],
  find(text) {
    if (!text.includes("-----BEGIN ")) return [];
    return findMatches(text, BEGINNING).map((match) => toSpan(text, match));
  },
};

function toSpan(text: string, match: RegExpExecArray): Span {
  const bodyEnd = runEnd(text, match.index + match[0].length, {
    isInRun: isBodyChar,
    maxChars: MAX_KEY_BLOCK_CHARS - 80 - match[0].length,
  });
  const footer = FOOTER.exec(text.slice(bodyEnd, bodyEnd + 64));
  return { type: "privateKey", start: match.index, end: bodyEnd + (footer?.[0].length ?? 0), score: 0.99 };
}

/** Base64, white space, and what stands between the lines when a key is written as a string in a program. */
function isBodyChar(code: number): boolean {
  return isAlphanumeric(code) || code <= 32 || "+/=\\\"',".includes(String.fromCharCode(code));
}
