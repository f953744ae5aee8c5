import { isAlphanumeric } from "../char-classes.ts";
import type { Detector } from "../detector.ts";
import type { Span } from "../span.ts";

/** Limits of an address: 64 before the at sign, 253 after it (RFC 5321 section 4.5.3.1, RFC 1035 section 2.3.4). */
const MAX_LOCAL_CHARS = 64;
const MAX_DOMAIN_CHARS = 253;

const LETTERS_LABEL = /^(?:[a-z\u00c0-\u024f]{2,24}|xn--[a-z0-9-]{1,59})$/i;
const NUMBERED_VERSION = /^\d{1,9}\.\d/;

/**
 * Finds email addresses. It walks outwards from each at sign instead of running a pattern over the text: the usual
 * `[\w.]+@` is quadratic on "a.a.a.a", which lets a tool's output stall the process. O(n).
 */
export const email: Detector = {
  name: "email",
  family: "pii",
  maxSpanChars: MAX_LOCAL_CHARS + 1 + MAX_DOMAIN_CHARS,
  patterns: [LETTERS_LABEL, NUMBERED_VERSION],
  find(text) {
    const spans: Span[] = [];
    for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
      const start = localStart(text, at);
      const end = domainEnd(text, at + 1);
      if (start === at || end === undefined || isRepositoryAddress(text, start, end)) continue;
      spans.push({ type: "email", start, end, score: 0.95 });
    }
    return spans;
  },
};

function localStart(text: string, at: number): number {
  const limit = Math.max(0, at - MAX_LOCAL_CHARS);
  let start = at;
  while (start > limit && isLocalChar(text.charCodeAt(start - 1))) start -= 1;
  const isTooLong = start > 0 && isLocalChar(text.charCodeAt(start - 1));
  return isTooLong ? nextWordStart(text, start, at) : skipDots(text, start, at);
}

/** Of a run longer than any local part, the last words are taken: half a word would look like something else. */
function nextWordStart(text: string, from: number, at: number): number {
  let start = from;
  while (start < at && isAlphanumeric(text.charCodeAt(start - 1))) start += 1;
  return start === at ? from : skipDots(text, start, at);
}

function skipDots(text: string, from: number, at: number): number {
  let start = from;
  while (start < at && text[start] === ".") start += 1;
  return start;
}

function domainEnd(text: string, from: number): number | undefined {
  let end = from;
  while (end < text.length && isDomainChar(text.charCodeAt(end)) && !text.startsWith("..", end)) {
    end += 1;
    if (end - from === MAX_DOMAIN_CHARS) break;
  }
  const domain = text.slice(from, end);
  // A package with a version (`name@4.17.21-beta.rc`) is not an address.
  if (domain.startsWith(".") || NUMBERED_VERSION.test(domain)) return undefined;
  const labels = domain.split(".");
  while (labels.length > 1 && !LETTERS_LABEL.test(labels.at(-1) ?? "")) {
    const label = labels.pop() ?? "";
    // What follows a hyphen may be no part of the address, as in "a@mail.example - b".
    const beforeHyphen = label.slice(0, Math.max(0, label.indexOf("-")));
    if (LETTERS_LABEL.test(beforeHyphen)) labels.push(beforeHyphen);
  }
  return labels.length < 2 ? undefined : from + labels.join(".").length;
}

/** `git@host.example:owner/name` names a repository, not a person. */
function isRepositoryAddress(text: string, start: number, end: number): boolean {
  return text.startsWith("git@", start) && (text[end] === ":" || text[end] === "/");
}

function isLocalChar(code: number): boolean {
  return isDomainChar(code) || code === 43 || code === 95 || code === 37;
}

/** Letters (also accented Latin ones), digits, dot and hyphen. */
function isDomainChar(code: number): boolean {
  return isAlphanumeric(code) || code === 45 || code === 46 || (code >= 0xc0 && code <= 0x24f);
}
