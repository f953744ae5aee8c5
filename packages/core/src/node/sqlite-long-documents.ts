import { randomUUID } from "node:crypto";

import { editsBetween, withEdits, type Edit } from "./sqlite-edits.ts";

/** How a document is kept: its JSON, or the name of a longer one and what was made of that since. */
export interface KeptDocument {
  readonly text: string;
  /** A longer one that has to be written with it. */
  readonly whole?: { readonly id: string; readonly json: string };
}

interface Known {
  readonly text: string;
  readonly value: unknown;
  /** Of the JSON of the longer one it builds upon. */
  readonly wholeLength: number;
}

/** Begins no JSON: a release that knows nothing of it fails on such a document, and does not write over it. */
const MARK = "~";
const ID_LENGTH = 36;
/** In UTF-16 units. What most documents are is written whole. */
const LONG = 16_384;
/**
 * One edit is some hundred units long: at the square root of twice that times the whole, writing all edits with each and
 * the whole now and then cost the same.
 */
const UNITS_PER_EDIT = 500;
const MAX_KNOWN_LENGTH = 8_388_608;

/**
 * Long documents of a collection, which change a little at a time: what has changed is written beside the whole, which is
 * written anew only when that has become much. What this process has seen is not parsed again.
 */
export class SqliteLongDocuments {
  readonly #known = new Map<string, Known>();
  #length = 0;

  /** The document that is kept so. @param whole Reads the JSON of a longer one. */
  read(key: string, text: string, whole: (id: string) => string): unknown {
    if (!text.startsWith(MARK)) return JSON.parse(text);
    const known = this.#known.get(key);
    if (known?.text === text) return known.value;
    // Somebody else may have gone on from there.
    const isOlder = known !== undefined && text.startsWith(`${known.text}\n`);
    const json = isOlder ? "" : whole(wholeOf(text) ?? "");
    const from = isOlder ? known : { text: text.slice(0, 1 + ID_LENGTH), value: JSON.parse(json) as unknown };
    const value = text
      .slice(from.text.length + 1)
      .split("\n")
      .filter((line) => line !== "")
      // Written by `keep` alone.
      .reduce((made, line) => withEdits(made, JSON.parse(line) as readonly Edit[]), from.value);
    this.#note(key, { text, value, wholeLength: isOlder ? known.wholeLength : json.length });
    return value;
  }

  /** How a document is kept from now on. @param old What was read of it in the same transaction. */
  keep(
    key: string,
    old: { readonly text: string; readonly value: unknown } | undefined,
    next: unknown,
  ): KeptDocument {
    const known = this.#known.get(key);
    if (old === undefined || known?.text !== old.text || known.value !== old.value) {
      const json = JSON.stringify(next);
      return this.#whole(key, json, () => JSON.parse(json));
    }
    const line = JSON.stringify(editsBetween(known.value, next));
    const text = `${known.text}\n${line}`;
    // What others will read of it, not what the change has made: only that has gone through JSON.
    const value = withEdits(known.value, JSON.parse(line) as readonly Edit[]);
    if (text.length > Math.sqrt(2 * UNITS_PER_EDIT * known.wholeLength))
      return this.#whole(key, JSON.stringify(value), () => value);
    this.#note(key, { ...known, text, value });
    return { text };
  }

  #whole(key: string, json: string, valueOf: () => unknown): KeptDocument {
    if (json.length < LONG) {
      this.#forget(key);
      return { text: json };
    }
    // Never used again, also where this is undone: a text that is known says the same for ever.
    const id = randomUUID();
    const text = `${MARK}${id}`;
    this.#note(key, { text, value: valueOf(), wholeLength: json.length });
    return { text, whole: { id, json } };
  }

  #note(key: string, known: Known): void {
    this.#forget(key);
    this.#known.set(key, known);
    this.#length += known.wholeLength;
    while (this.#length > MAX_KNOWN_LENGTH) {
      const [oldest = key] = this.#known.keys();
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#length -= this.#known.get(key)?.wholeLength ?? 0;
    this.#known.delete(key);
  }
}

/** The name of the longer document that a kept one builds upon. */
export function wholeOf(text: string): string | undefined {
  return text.startsWith(MARK) ? text.slice(1, 1 + ID_LENGTH) : undefined;
}
