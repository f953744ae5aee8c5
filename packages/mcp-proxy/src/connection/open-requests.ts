import type { RpcId } from "../frame/rpc.ts";

/** What one side has asked and has no answer to, from when it came; and what of it that side has given up. */
export class OpenRequests implements Iterable<RpcId> {
  /** Whether each was given up, by id: a map tells `1` from `"1"`, as JSON-RPC does. */
  readonly #isGivenUp = new Map<RpcId, boolean>();

  get size(): number {
    return this.#isGivenUp.size;
  }

  has(id: RpcId): boolean {
    return this.#isGivenUp.has(id);
  }

  open(id: RpcId): void {
    this.#isGivenUp.set(id, false);
  }

  /** It is over, and its id is free. @returns Whether it was given up: then it has no answer. */
  close(id: RpcId): boolean {
    const isGivenUp = this.isGivenUp(id);
    this.#isGivenUp.delete(id);
    return isGivenUp;
  }

  /** Nobody waits for the answer. @returns Whether there was such a request. */
  giveUp(id: RpcId): boolean {
    if (!this.has(id)) return false;
    this.#isGivenUp.set(id, true);
    return true;
  }

  /** Whether what follows from it is for nobody: the other side must not be asked any more. */
  isGivenUp(id: RpcId): boolean {
    return this.#isGivenUp.get(id) === true;
  }

  [Symbol.iterator](): Iterator<RpcId> {
    return this.#isGivenUp.keys();
  }
}
