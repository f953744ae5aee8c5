import { escaped, mayHoldLoneSurrogate } from "./json-text.ts";
import { utf8Of } from "./utf8.ts";

/** A piece of JSON that many texts have in common: what it takes to write it as bytes is found out once. */
export class SharedJson {
  readonly text: string;
  /** Every character is one byte. */
  readonly isAscii: boolean;
  #bytes: Uint8Array | undefined;

  constructor(text: string) {
    this.text = text;
    this.isAscii = ASCII.test(text) && !mayHoldLoneSurrogate(text);
  }

  /** Its UTF-8. */
  get bytes(): Uint8Array {
    return (this.#bytes ??= utf8Of(this.text));
  }
}

const ASCII = /^[\x20-\x7e]*$/;

/** Where JSON is written piece by piece. */
export interface JsonTarget {
  /** Adds JSON as it is. */
  add(json: string): void;
  /** Adds what stands between quotation marks: what has to be escaped there is escaped. */
  addRaw(text: string): void;
  addShared(json: SharedJson): void;
}

/** Writes one text after the other. */
export class JsonText implements JsonTarget {
  #text = "";

  /** Gives what was written, and begins anew. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  add(json: string): void {
    this.#text += json;
  }

  addRaw(text: string): void {
    this.#text += escaped(text);
  }

  addShared({ text }: SharedJson): void {
    this.#text += text;
  }
}
