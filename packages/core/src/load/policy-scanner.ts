/** A part of a text, without its end. */
interface JsonPiece {
  readonly start: number;
  readonly end: number;
}

/** Where the policies of a JSON text stand. */
export interface JsonPieces {
  /** Where each element of `policies` stands. */
  readonly policies: readonly JsonPiece[];
  /** The text with an empty list in their place. */
  readonly rest: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Finds the elements of `policies` in the text of a document without parsing it: only brackets, commas, colons and the
 * ends of strings matter. It need not notice what is wrong: every piece and the rest are parsed afterwards, and a text
 * whose pieces are all JSON is JSON.
 */
export class PolicyScanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #memberCount = 0;
  /** The last string at the outermost object. */
  #string: JsonPiece = { start: 0, end: 0 };
  #isAfterPolicies = false;
  #listStart = -1;
  #listEnd = -1;
  #itemStart = -1;
  #isOdd = false;
  readonly #items: JsonPiece[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** How many colons stood outside of strings so far: one per member. */
  get memberCount(): number {
    return this.#memberCount;
  }

  /** Goes on for about so many characters; false at the end. */
  scan(chars: number): boolean {
    const text = this.#text;
    const until = Math.min(this.#at + chars, text.length);
    let at = this.#at;
    while (at < until) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        const end = endOfString(text, at + 1);
        if (this.#depth === 1) this.#string = { start: at + 1, end };
        at = end;
      } else if (code === COLON) this.#colon();
      else if (code === COMMA) this.#comma(at);
      else if (code === OPEN_LIST || code === OPEN_OBJECT) this.#open(at, code);
      else if (code === CLOSE_LIST || code === CLOSE_OBJECT) this.#close(at, code);
      at++;
    }
    this.#at = at;
    return at < text.length;
  }

  /** Undefined where there is no such list, or it is better left to `JSON.parse`. */
  pieces(): JsonPieces | undefined {
    if (this.#isOdd || this.#listEnd === -1 || this.#depth !== 0) return undefined;
    const rest = `${this.#text.slice(0, this.#listStart)}[]${this.#text.slice(this.#listEnd)}`;
    return { policies: this.#items, rest };
  }

  #colon(): void {
    this.#memberCount++;
    if (this.#depth !== 1) return;
    this.#isAfterPolicies = this.#text.slice(this.#string.start, this.#string.end) === "policies";
    // The name stands twice: what counts is not decided here.
    if (this.#isAfterPolicies && this.#listStart !== -1) this.#isOdd = true;
  }

  #comma(at: number): void {
    if (this.#depth === 1) this.#isAfterPolicies = false;
    else if (this.#depth === 2 && this.#itemStart !== -1) this.#endItem(at);
  }

  #open(at: number, code: number): void {
    if (this.#depth === 1 && this.#isAfterPolicies && code === OPEN_LIST) {
      this.#listStart = at;
      this.#itemStart = at + 1;
    }
    this.#depth++;
  }

  #close(at: number, code: number): void {
    this.#depth--;
    if (this.#depth !== 1 || this.#itemStart === -1) return;
    if (code !== CLOSE_LIST) this.#isOdd = true;
    const isEmpty = this.#items.length === 0 && this.#text.slice(this.#itemStart, at).trim() === "";
    if (!isEmpty) this.#endItem(at);
    this.#itemStart = -1;
    this.#listEnd = at + 1;
  }

  #endItem(at: number): void {
    this.#items.push({ start: this.#itemStart, end: at });
    this.#itemStart = at + 1;
  }
}

/** The position of the quote that ends a string; the text's end when none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (end !== -1) {
    let from = end;
    while (text.charCodeAt(from - 1) === BACKSLASH) from--;
    if ((end - from) % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}
