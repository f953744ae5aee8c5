import type { Frame } from "../frame/frame.ts";

/** Each is kept as it came: above, what a client says too early is dropped. */
const MAX_WAITING = 1_000;

/**
 * Keeps what a client says behind its `initialize` until that has its answer. A client may say all of it at once; what
 * overtook the beginning of its session would be decided outside of it, and reach a server that knows no client yet.
 */
export class ClientOrder {
  /** Settles when what follows may go on; undefined: at once. */
  #before: Promise<void> | undefined;
  #waiting = 0;

  /** @param act Answers the request; what waits is answered in the order in which it came. */
  request<T>({ message }: Frame, act: () => Promise<T>): Promise<T> {
    const { method } = message;
    // A ping is what either side may send before.
    const acting = this.#before === undefined || method === "ping" ? act() : this.#before.then(act);
    if (method === "initialize") this.#hold(acting);
    return acting;
  }

  /**
   * @param act Says the notification; a promise where rules take their time, which requests do not wait for but at the
   *   beginning.
   * @returns Settles when it is said, undefined where it is; false where too many wait already: it is not said.
   */
  notice({ message }: Frame, act: () => void | Promise<void>): Promise<void> | false | undefined {
    if (this.#waiting >= MAX_WAITING) return false;
    const telling = this.#before === undefined ? act() : this.#later(this.#before, act);
    const isOfBeginning = this.#before !== undefined || message["method"] === "notifications/initialized";
    if (telling === undefined) return undefined;
    if (isOfBeginning) this.#hold(telling);
    return telling;
  }

  #later(before: Promise<void>, act: () => void | Promise<void>): Promise<void> {
    this.#waiting++;
    return before.then(() => {
      this.#waiting--;
      return act();
    });
  }

  #hold(doing: Promise<unknown>): void {
    const end = (): void => {
      if (this.#before === held) this.#before = undefined;
    };
    const held: Promise<void> = doing.then(end, end);
    this.#before = held;
  }
}
