import { ENVELOPES, stringEnd } from "./json-cursor.ts";
import { recordOf, type JsonRecord } from "./json.ts";

const [QUOTE, COLON] = [0x22, 0x3a];

/**
 * Whether a text can be taken for one thing only, by what its parse shows: as it has as many members as the text, none is
 * named twice. Most messages are of this kind, and a walk over their names is most of what reading them costs.
 * @returns False also where only a `JsonCursor` can tell.
 */
export function isPlainJson(text: string, value: unknown, maxDepth: number): boolean {
  if (membersOf(value, maxDepth) !== membersIn(text)) return false;
  return Array.isArray(value) ? value.every(hasPlainNames) : hasPlainNames(value);
}

/** How many members are written: each has a colon outside of texts. */
function membersIn(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at) - 1;
    else if (code === COLON) count++;
  }
  return count;
}

/** How many members were read; no number of them where it is nested deeper than allowed. */
function membersOf(value: unknown, depthLeft: number): number {
  if (typeof value !== "object" || value === null) return 0;
  const isList = Array.isArray(value);
  // Objects of JSON have own members alone.
  const items: readonly unknown[] = isList ? value : Object.values(value);
  if (depthLeft === 0 && items.length > 0) return Number.NaN;
  let count = isList ? 0 : items.length;
  for (const item of items) count += membersOf(item, depthLeft - 1);
  return count;
}

/** Whether no two names of what says what a message is can differ in case alone: none has a letter that has another case. */
function hasPlainNames(value: unknown): boolean {
  const envelope = recordOf(value);
  return envelope === undefined || Object.keys(envelope).every((name) => isPlainName(name, envelope));
}

function isPlainName(name: string, envelope: JsonRecord): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code > 0x7a || (code >= 0x41 && code <= 0x5a)) return false;
  }
  return !ENVELOPES.has(name) || hasPlainNames(envelope[name]);
}
