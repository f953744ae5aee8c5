import type { Frame } from "../frame/frame.ts";
import { inItsForm } from "../frame/response-form.ts";
import { idOf, type RpcId } from "../frame/rpc.ts";

interface Pending {
  readonly resolve: (response: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** The requests that one side was sent and has not answered. */
export class PendingRequests {
  /** By id: a map tells `1` from `"1"`, as JSON-RPC does. */
  readonly #waiting = new Map<RpcId, Pending>();
  readonly #prefix = `agentplane:${crypto.randomUUID()}`;
  #count = 0;

  /** An id that neither side uses. */
  nextId(): string {
    return `${this.#prefix}:${this.#count++}`;
  }

  /** The ids of those that wait. */
  get open(): Iterable<RpcId> {
    return this.#waiting.keys();
  }

  has(id: RpcId): boolean {
    return this.#waiting.has(id);
  }

  /** @returns The response; rejects when there will be none. */
  wait(id: RpcId): Promise<Frame> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** @returns Whether somebody waited for this response. */
  settle(response: Frame): boolean {
    const id = idOf(response.message);
    const pending = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || pending === undefined) return false;
    this.#waiting.delete(id);
    pending.resolve(inItsForm(response, id));
    return true;
  }

  /** There will be no response to this request. */
  fail(id: RpcId, error: Error): boolean {
    const pending = this.#waiting.get(id);
    this.#waiting.delete(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  failAll(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }
}
