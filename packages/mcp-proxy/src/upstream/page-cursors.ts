/** More pages than any list that a person has made. */
const MAX_PAGES = 100;

/** Follows the cursors of a list that may be without end: a server names each next page as it likes. */
export class PageCursors {
  readonly #seen = new Set<unknown>();
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes How long all pages may be together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @param length Of the page that was read, in bytes.
   * @param cursor What it names as the next one.
   * @returns The cursor; undefined where the list ends: there is none, it was there before, or there was enough.
   */
  next(length: number, cursor: unknown): string | undefined {
    this.#bytes += length;
    if (typeof cursor !== "string" || this.#seen.has(cursor)) return undefined;
    this.#seen.add(cursor);
    return this.#seen.size < MAX_PAGES && this.#bytes <= this.#maxBytes ? cursor : undefined;
  }
}
