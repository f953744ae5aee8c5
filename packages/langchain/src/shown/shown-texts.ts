import type { Guard } from "@agentplane/core";

/** Redacts one text as it comes. */
export type OpenText = () => ReturnType<Guard["streamText"]>;

interface Text<Rest> {
  readonly redactor: ReturnType<OpenText>;
  /** What shows the end of it. */
  rest: (text: string) => Rest;
}

/**
 * The texts of one answer, on their way to whoever watches it come. Each is redacted by itself, however it is cut, and
 * leaves as soon as nothing that is still to come can make a finding of it.
 */
export class ShownTexts<Rest> {
  readonly #open: OpenText;
  readonly #texts = new Map<string, Text<Rest>>();
  readonly #names = new Map<string, string>();

  constructor(open: OpenText) {
    this.#open = open;
  }

  /**
   * Takes the next piece of a text.
   * @param path Which text it continues.
   * @param rest What shows the end of it, when no more comes.
   * @returns What can be shown now.
   */
  piece(path: string, piece: string, rest: (text: string) => Rest): string {
    let text = this.#texts.get(path);
    if (text === undefined) this.#texts.set(path, (text = { redactor: this.#open(), rest }));
    text.rest = rest;
    return text.redactor.push(piece);
  }

  /** Ends the texts whose path begins so, and gives what was still held of them. */
  end(prefix = ""): readonly Rest[] {
    return [...this.#texts].flatMap(([path, { redactor, rest }]) => {
      if (!path.startsWith(prefix)) return [];
      this.#texts.delete(path);
      const held = redactor.flush();
      return held === "" ? [] : [rest(held)];
    });
  }

  /** A value that no later piece continues, redacted: a text, or data with texts in it. */
  whole(value: unknown): unknown {
    if (typeof value === "string") return this.#name(value);
    if (typeof value !== "number" && (typeof value !== "object" || value === null)) return value;
    const text = JSON.stringify([value]);
    const shown = typeof value === "number" ? this.#name(text) : this.#redacted(text);
    return shown === text ? value : dataOf(shown);
  }

  /** The same ids and names come with every piece. */
  #name(text: string): string {
    const known = this.#names.get(text) ?? this.#redacted(text);
    if (this.#names.size < MAX_NAMES) this.#names.set(text, known);
    return known;
  }

  #redacted(text: string): string {
    const redactor = this.#open();
    return redactor.push(text) + redactor.flush();
  }
}

const MAX_NAMES = 100;

/** What is no longer data is shown as the text it has become, never as what it was. */
function dataOf(text: string): unknown {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.length === 1 ? list[0] : list;
  } catch {
    return text;
  }
}
