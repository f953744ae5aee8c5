import type { RpcId } from "./rpc.ts";

/** What can be told of a message that is not read. */
export interface Glimpse {
  /** Whatever stands there as its id: several where it has several. */
  readonly ids: readonly RpcId[];
  /** Whether it has a method. */
  readonly isNamed: boolean;
  /** Whether it has a result or an error. */
  readonly isAnswer: boolean;
  /** Whether it has any member that makes it a message: what programs print beside has none. */
  readonly isMessage: boolean;
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [0x7b, 0x7d, 0x5b, 0x5d];
/** Longer than any name that counts, and than an id that anybody would choose. */
const LONGEST_TOKEN = 4_096;
/** As many as one side may have open at once. */
const MAX_MESSAGES = 1_000;
/** A message has one; of one that has several, anybody may have taken any of the first. */
const MAX_IDS = 8;
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Finds the ids in what is no JSON, no UTF-8, or too long to be kept: it looks at each byte once, and keeps names and ids
 * alone. Members of what a message carries are told from its own by their depth, as far as brackets are in order.
 */
export class MessageScan {
  readonly #found: { ids: RpcId[]; isNamed: boolean; isAnswer: boolean; isMessage: boolean }[] = [];
  #depth = 0;
  /** How deep the members of a message stand: in a batch one deeper. */
  #home = 1;
  #isInMessage = false;
  #isInText = false;
  #isEscaped = false;
  /** The name, or the value that is no object, that is being read. */
  #token: number[] = [];
  #name = "";

  push(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length; at++) this.#take(bytes[at] ?? 0);
    return this;
  }

  /** @returns One for each message, as far as it came. */
  get found(): readonly Glimpse[] {
    return this.#found;
  }

  #take(byte: number): void {
    if (this.#isInText) return this.#takeOfText(byte);
    if (byte === BRACE || byte === BRACKET) return this.#open(byte);
    if (byte === BRACE_END || byte === BRACKET_END) return this.#close();
    if (this.#depth !== this.#home && byte !== QUOTE) return;
    if (byte === COLON) this.#endName();
    else if (byte === COMMA) this.#endValue();
    else {
      this.#isInText = byte === QUOTE;
      this.#keep(byte);
    }
  }

  #takeOfText(byte: number): void {
    this.#keep(byte);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isInText = false;
  }

  #keep(byte: number): void {
    // What is cut off is no token any more, and so nobody's id.
    if (this.#depth === this.#home && this.#token.length < LONGEST_TOKEN) this.#token.push(byte);
  }

  #open(byte: number): void {
    if (this.#depth === 0) this.#home = byte === BRACKET ? 2 : 1;
    this.#depth++;
    this.#token = [];
    if (this.#depth !== this.#home) return;
    this.#isInMessage = byte === BRACE && this.#found.length < MAX_MESSAGES;
    this.#name = "";
    if (this.#isInMessage) this.#found.push({ ids: [], isNamed: false, isAnswer: false, isMessage: false });
  }

  #close(): void {
    if (this.#depth === this.#home) {
      this.#endValue();
      this.#isInMessage = false;
    }
    this.#depth = Math.max(0, this.#depth - 1);
  }

  #endName(): void {
    const name = this.#read();
    const message = this.#found.at(-1);
    // Some readers take `Id` for `id`.
    this.#name = typeof name === "string" ? name.toLowerCase() : "";
    if (!this.#isInMessage || message === undefined) return;
    message.isNamed ||= this.#name === "method";
    message.isAnswer ||= this.#name === "result" || this.#name === "error";
    message.isMessage ||= this.#name === "jsonrpc";
  }

  #endValue(): void {
    const value = this.#read();
    const ids = this.#isInMessage && this.#name === "id" ? this.#found.at(-1)?.ids : undefined;
    if (ids !== undefined && ids.length < MAX_IDS && (typeof value === "string" || Number.isFinite(value))) {
      // Said by the condition: it is an id.
      const id = value as RpcId;
      if (!ids.includes(id)) ids.push(id);
    }
    this.#name = "";
  }

  #read(): unknown {
    const bytes = Uint8Array.from(this.#token);
    this.#token = [];
    try {
      return JSON.parse(decoder.decode(bytes));
    } catch {
      // It says nothing that could be found: a name or an id is one only where it can be read.
      return undefined;
    }
  }
}
