import { isJsonContainer } from "./json-check.ts";

/** What becomes of the pieces of a JSON text. Returning the same text changes nothing. */
export interface JsonTextEdit {
  /** A member's name. */
  name(name: string): string;
  /**
   * A member's whole value: its replacement, `"drop"` to leave the member out, undefined to look inside.
   * @param value A text as it reads, anything else as it is written.
   */
  member(name: string, value: () => string): { readonly text: string } | "drop" | undefined;
  /** A text that is a value. */
  text(text: string): string;
  /** A number as it is written; a change makes it a text. */
  number(digits: string): string;
}

/**
 * Changes a JSON text in place: everything that is not changed stays letter for letter, numbers beyond what JavaScript
 * can hold and repeated members too. Linear, without recursion, whatever the nesting.
 * @param json Any text; one that is not a JSON object or array, but for white space and a byte order mark around it,
 *   gives undefined.
 */
export function editJsonText(json: string, edit: JsonTextEdit): string | undefined {
  return isJsonContainer(json) ? new Editor(json, edit).run() : undefined;
}

interface Frame {
  readonly isObject: boolean;
  /** In an object: whether a name comes next. */
  isNameNext: boolean;
  /** Where the separator before the next member starts. */
  separatorAt: number;
  hasMembers: boolean;
}

const NUMBER = /-?\d[\d.eE+-]*/y;

/** One pass over a text that is known to be JSON, so that only structure matters. */
class Editor {
  readonly #json: string;
  readonly #edit: JsonTextEdit;
  readonly #frames: Frame[] = [];
  #at = 0;
  /** Everything before this is in the output. */
  #copied = 0;
  #output = "";

  constructor(json: string, edit: JsonTextEdit) {
    this.#json = json;
    this.#edit = edit;
  }

  run(): string {
    while (this.#at < this.#json.length) this.#step(this.#json[this.#at]!);
    this.#copyTo(this.#json.length);
    return this.#output;
  }

  #step(char: string): void {
    const frame = this.#frames.at(-1);
    if (char === '"') {
      if (frame?.isObject === true && frame.isNameNext) this.#member(frame);
      else this.#text();
      return;
    }
    if (char === "-" || (char >= "0" && char <= "9")) {
      this.#number();
      return;
    }
    if (char === "{" || char === "[") this.#open(char === "{");
    else if (char === "}" || char === "]") this.#frames.pop();
    else if (char === "," && frame !== undefined) {
      frame.isNameNext = true;
      frame.separatorAt = this.#at;
    }
    this.#at++;
  }

  #open(isObject: boolean): void {
    this.#frames.push({ isObject, isNameNext: true, separatorAt: this.#at + 1, hasMembers: false });
  }

  #member(frame: Frame): void {
    const start = this.#at;
    const end = endOfText(this.#json, start);
    const name = readText(this.#json.slice(start, end));
    const valueAt = startOfValue(this.#json, end);
    frame.isNameNext = false;
    const replaced = this.#edit.member(name, () => this.#valueFrom(valueAt));
    this.#copyTo(frame.separatorAt);
    if (replaced === "drop") {
      this.#at = this.#copied = endOfValue(this.#json, valueAt);
      return;
    }
    const separator = this.#json.slice(frame.separatorAt, start);
    // The comma belonged to a member that is gone.
    this.#output += frame.hasMembers ? separator : separator.replace(",", "");
    frame.hasMembers = true;
    this.#copied = start;
    this.#put(name, this.#edit.name(name), end);
    this.#copyTo(valueAt);
    this.#at = valueAt;
    if (replaced === undefined) return;
    this.#output += JSON.stringify(replaced.text);
    this.#at = this.#copied = endOfValue(this.#json, valueAt);
  }

  #text(): void {
    const end = endOfText(this.#json, this.#at);
    const text = readText(this.#json.slice(this.#at, end));
    this.#put(text, this.#edit.text(text), end);
    this.#at = end;
  }

  #number(): void {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#json)?.[0] ?? "";
    const end = this.#at + digits.length;
    this.#put(digits, this.#edit.number(digits), end);
    this.#at = end;
  }

  /** Writes a changed piece that ends at `end`; one that is as it was is copied later, with what is around it. */
  #put(before: string, after: string, end: number): void {
    if (before === after) return;
    this.#copyTo(this.#at);
    this.#output += JSON.stringify(after);
    this.#copied = end;
  }

  #copyTo(end: number): void {
    if (end <= this.#copied) return;
    this.#output += this.#json.slice(this.#copied, end);
    this.#copied = end;
  }

  #valueFrom(start: number): string {
    const written = this.#json.slice(start, endOfValue(this.#json, start));
    return written.startsWith('"') ? readText(written) : written;
  }
}

function readText(quoted: string): string {
  // Cut out of valid JSON from quote to quote.
  return JSON.parse(quoted) as string;
}

/** The position after a text's closing quote. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** The first position of the value after a name: past white space, the colon, white space. */
function startOfValue(json: string, from: number): number {
  let at = from;
  while (json[at] === ":" || json.charCodeAt(at) <= 0x20) at++;
  return at;
}

function endOfValue(json: string, start: number): number {
  let at = start;
  let depth = 0;
  do {
    const char = json[at]!;
    if (char === '"') {
      at = endOfText(json, at);
      continue;
    }
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") {
      // The end of what is around a number or a word.
      if (depth === 0) return at;
      depth--;
    } else if (depth === 0 && (char === "," || char <= " ")) return at;
    at++;
  } while (at < json.length && (depth > 0 || isWord(json, start)));
  return at;
}

/** Numbers, true, false and null end where something else starts; everything else ends by itself. */
function isWord(json: string, start: number): boolean {
  const char = json[start];
  return char !== '"' && char !== "{" && char !== "[";
}

/** Whether a text may be JSON with parts; undefined while only white space has come. */
export function startsLikeJson(text: string): boolean | undefined {
  const first = text.trimStart()[0];
  return first === undefined ? undefined : first === "{" || first === "[";
}
