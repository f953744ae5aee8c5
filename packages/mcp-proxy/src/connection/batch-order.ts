import type { RpcId } from "../frame/rpc.ts";

/** Begins a request of a batch when it is its turn. */
export type Turns = <T>(id: RpcId, act: () => Promise<T>) => Promise<T>;

const AT_ONCE: Turns = (_id, act) => act();

/**
 * Lets the requests of a batch be decided in their order: rules that take their time would let a later one overtake, and
 * take the last of a limit from an earlier one. What was decided runs beside the others, or waits for a person alone.
 */
export class BatchOrder {
  /** What tells the next that this one was decided. */
  readonly #deciding = new Map<RpcId, () => void>();

  /** The turns of the requests that came together; one that came alone is begun at once. */
  turns(count: number): Turns {
    if (count === 1) return AT_ONCE;
    let before: Promise<void> | undefined;
    return (id, act) => {
      const earlier = before;
      // Before it begins: the first of them may be decided while it does.
      before = new Promise((resolve) => this.#deciding.set(id, resolve));
      const doing = earlier === undefined ? act() : earlier.then(act);
      const decided = (): void => this.decided(id);
      doing.then(decided, decided);
      return doing;
    };
  }

  /** A request was let go on, was refused, or waits for a person. */
  decided(id: RpcId): void {
    const tell = this.#deciding.get(id);
    if (tell === undefined) return;
    this.#deciding.delete(id);
    tell();
  }
}
