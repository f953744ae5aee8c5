import { CONTEXT_CHARS } from "./detector.ts";

/** How far before a number its word may stand; the rest of the context is for boundaries. */
const REACH_CHARS = CONTEXT_CHARS - 16;

/**
 * Answers whether a word that forbids a reading stands shortly before a candidate, such as "order" or "version".
 * @param text The whole text.
 * @param start Where the candidate begins.
 * @param words A pattern without the flag `g`; sees the 48 characters before the candidate.
 */
export function hasWordBefore(text: string, start: number, words: RegExp): boolean {
  return words.test(text.slice(Math.max(0, start - REACH_CHARS), start));
}

/**
 * Answers whether a word announces a candidate, such as "phone" or "card". Unlike {@link hasWordBefore} it does not look
 * past a closing bracket: neither the word in a mask (`[phone]`) counts nor one before it, so that what a redaction
 * leaves never looks like something new.
 * @param text The whole text.
 * @param start Where the candidate begins.
 * @param words A pattern without the flag `g`; sees at most the 48 characters before the candidate.
 */
export function isAnnounced(text: string, start: number, words: RegExp): boolean {
  const before = text.slice(Math.max(0, start - REACH_CHARS), start);
  return words.test(before.slice(before.lastIndexOf("]") + 1));
}
