/** A place in the text of a value. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Why a text that is JSON is refused all the same. */
export type JsonProblem = "duplicate_key" | "ambiguous_key" | "too_deep";

// Every message is walked over whole: by the codes of its characters, which is several times faster than by patterns.
const [SPACE, TAB, LINE_FEED, RETURN] = [0x20, 0x09, 0x0a, 0x0d];
const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [0x7b, 0x7d, 0x5b, 0x5d];
/** Objects whose names say what a message is and what it aims at. */
export const ENVELOPES: ReadonlySet<string> = new Set(["params", "ref"]);

/**
 * Walks over the text of a value that `JSON.parse` has accepted: it finds what parsing forgets, members that are named
 * twice and the places of values. Linear in the text.
 */
export class JsonCursor {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  #problem: JsonProblem | undefined;

  constructor(text: string, maxDepth = Infinity) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  /** Two readers may take different ones of two equal names: what was decided would not be what runs. */
  problem(): JsonProblem | undefined {
    this.#at = 0;
    this.#problem = undefined;
    this.#skip(0, true);
    return this.#problem;
  }

  /** @returns Where each item of the list stands that the whole text is. */
  items(): readonly Range[] {
    const ranges: Range[] = [];
    this.#at = 0;
    this.#space();
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#code() === BRACKET_END) return ranges;
      const start = this.#at;
      this.#skip(0);
      ranges.push({ start, end: this.#at });
      this.#space();
      if (this.#code() === COMMA) this.#at++;
    }
  }

  /** @returns Where the value at a path of names and positions stands; undefined when there is none. */
  find(path: readonly (string | number)[]): Range | undefined {
    if (!this.#enter(path)) return undefined;
    const start = this.#at;
    this.#skip(0);
    return { start, end: this.#at };
  }

  /** @returns Where each member of the object at a path stands; none where there is no object. */
  members(path: readonly (string | number)[]): ReadonlyMap<string, Range> {
    const ranges = new Map<string, Range>();
    if (!this.#enter(path) || this.#code() !== BRACE) return ranges;
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#code() !== QUOTE) return ranges;
      const name = this.#string();
      this.#space();
      this.#at++;
      this.#space();
      const start = this.#at;
      this.#skip(0);
      ranges.set(name, { start, end: this.#at });
      this.#space();
      if (this.#code() === COMMA) this.#at++;
    }
  }

  #enter(path: readonly (string | number)[]): boolean {
    this.#at = 0;
    for (const step of path) {
      this.#space();
      const found = typeof step === "string" ? this.#enterMember(step) : this.#enterItem(step);
      if (!found) return false;
    }
    this.#space();
    return true;
  }

  #enterMember(name: string): boolean {
    if (this.#code() !== BRACE) return false;
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#code() !== QUOTE) return false;
      const key = this.#string();
      this.#space();
      this.#at++;
      if (key === name) return true;
      this.#skip(0);
      this.#space();
      if (this.#code() !== COMMA) return false;
      this.#at++;
    }
  }

  #enterItem(position: number): boolean {
    if (this.#code() !== BRACKET) return false;
    this.#at++;
    for (let count = 0; ; count++) {
      this.#space();
      if (this.#code() === BRACKET_END) return false;
      if (count === position) return true;
      this.#skip(0);
      this.#space();
      if (this.#code() !== COMMA) return false;
      this.#at++;
    }
  }

  /** @param isEnvelope Whether what stands here is a message, or a part of one that says what it is. */
  #skip(depth: number, isEnvelope = false): void {
    if (depth > this.#maxDepth) this.#problem = "too_deep";
    this.#space();
    if (this.#problem === "too_deep") return;
    const first = this.#code();
    if (first === BRACE) this.#skipObject(depth, isEnvelope);
    // The items of a batch are messages as well.
    else if (first === BRACKET) this.#skipList(depth, isEnvelope && depth === 0);
    else if (first === QUOTE) this.#at = stringEnd(this.#text, this.#at);
    else this.#scalar();
  }

  #skipObject(depth: number, isEnvelope: boolean): void {
    const names = new Set<string>();
    const folded = new Set<string>();
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#code() === BRACE_END) break;
      const name = this.#string();
      if (names.has(name)) this.#problem ??= "duplicate_key";
      names.add(name);
      // Servers written in Go take `Name` for `name`, and the last of the two counts.
      if (isEnvelope && folded.size === folded.add(foldOf(name)).size) this.#problem ??= "ambiguous_key";
      this.#space();
      this.#at++;
      this.#skip(depth + 1, isEnvelope && ENVELOPES.has(name));
      if (this.#problem === "too_deep") return;
      this.#space();
      if (this.#code() === COMMA) this.#at++;
    }
    this.#at++;
  }

  #skipList(depth: number, isBatch: boolean): void {
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#code() === BRACKET_END) break;
      this.#skip(depth + 1, isBatch);
      if (this.#problem === "too_deep") return;
      this.#space();
      if (this.#code() === COMMA) this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    const start = this.#at;
    this.#at = stringEnd(this.#text, start);
    const inner = this.#text.slice(start + 1, this.#at - 1);
    // Parsed text: the slice is a string literal.
    return inner.includes("\\") ? (JSON.parse(this.#text.slice(start, this.#at)) as string) : inner;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #space(): void {
    while (isSpace(this.#code())) this.#at++;
  }

  /** A number or a word: it ends where something follows that is neither. */
  #scalar(): void {
    const start = this.#at;
    for (;;) {
      const code = this.#code();
      // Behind the end of the text there is no code.
      if (Number.isNaN(code) || isSpace(code) || code === COMMA || code === BRACE_END || code === BRACKET_END)
        break;
      this.#at++;
    }
    // Parsed text always has something here; an endless loop would be worse than a wrong place.
    if (this.#at === start) throw new SyntaxError(`no JSON at ${start}`);
  }
}

function isSpace(code: number): boolean {
  return code === SPACE || code === LINE_FEED || code === RETURN || code === TAB;
}

/** As readers compare that do not care about upper and lower case: `ſ` is an `s` to them, and the sign of kelvin a `k`. */
function foldOf(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/**
 * @param start Where a string literal begins.
 * @returns Where it ends. A regular expression would keep a place to return to for each character, and run out of stack on
 *   a long one.
 */
export function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) throw new SyntaxError(`a string does not end, from ${start}`);
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}
