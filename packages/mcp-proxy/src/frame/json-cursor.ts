/** A place in the text of a value. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Why a text that is JSON is refused all the same. */
export type JsonProblem = "duplicate_key" | "too_deep";

const WHITESPACE = /[ \t\n\r]*/y;
const SCALAR = /(?:true|false|null|-?[\d.eE+-]+)/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;

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
    this.#skip(0);
    return this.#problem;
  }

  /** @returns Where the value at a path of names and positions stands; undefined when there is none. */
  find(path: readonly (string | number)[]): Range | undefined {
    this.#at = 0;
    for (const step of path) {
      this.#space();
      const found = typeof step === "string" ? this.#enterMember(step) : this.#enterItem(step);
      if (!found) return undefined;
    }
    this.#space();
    const start = this.#at;
    this.#skip(0);
    return { start, end: this.#at };
  }

  #enterMember(name: string): boolean {
    if (this.#text[this.#at] !== "{") return false;
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') return false;
      const key = this.#string();
      this.#space();
      this.#at++;
      if (key === name) return true;
      this.#skip(0);
      this.#space();
      if (this.#text[this.#at] !== ",") return false;
      this.#at++;
    }
  }

  #enterItem(position: number): boolean {
    if (this.#text[this.#at] !== "[") return false;
    this.#at++;
    for (let count = 0; ; count++) {
      this.#space();
      if (this.#text[this.#at] === "]") return false;
      if (count === position) return true;
      this.#skip(0);
      this.#space();
      if (this.#text[this.#at] !== ",") return false;
      this.#at++;
    }
  }

  #skip(depth: number): void {
    if (depth > this.#maxDepth) this.#problem = "too_deep";
    this.#space();
    const first = this.#text[this.#at];
    if (this.#problem === "too_deep") return;
    if (first === "{") this.#skipObject(depth);
    else if (first === "[") this.#skipList(depth);
    else if (first === '"') this.#match(STRING);
    else this.#match(SCALAR);
  }

  #skipObject(depth: number): void {
    const names = new Set<string>();
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === "}") break;
      const name = this.#string();
      if (names.has(name)) this.#problem ??= "duplicate_key";
      names.add(name);
      this.#space();
      this.#at++;
      this.#skip(depth + 1);
      if (this.#problem === "too_deep") return;
      this.#space();
      if (this.#text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  #skipList(depth: number): void {
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === "]") break;
      this.#skip(depth + 1);
      if (this.#problem === "too_deep") return;
      this.#space();
      if (this.#text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    const raw = this.#match(STRING);
    // Parsed text: the slice is a string literal.
    return raw.includes("\\") ? (JSON.parse(raw) as string) : raw.slice(1, -1);
  }

  #space(): void {
    this.#match(WHITESPACE);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    // Parsed text always has something here; an endless loop would be worse than a wrong place.
    if (found === "" && pattern !== WHITESPACE) throw new SyntaxError(`no JSON at ${this.#at}`);
    this.#at += found.length;
    return found;
  }
}
