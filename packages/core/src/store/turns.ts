/** Lets work on one key wait for its turn: a process never loses a race against itself. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs work after all earlier work on the key has ended, whichever way. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const ended = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}
