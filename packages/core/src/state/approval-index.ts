import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { bindingKey, type ApprovalBinding } from "./approval-binding.ts";
import type { Approval } from "./approval-machine.ts";

/** Requests of one binding that somebody said yes to, and that are looked through; open ones would push those out. */
const MAX_PER_BINDING = 32;

/** Finds the requests that somebody said yes to and that are bound to one action; an id found here is a hint, the request itself decides. */
export class ApprovalIndex {
  readonly #documents: DocumentStore;
  readonly #prefix: string;
  readonly #ttlMs: number;

  /** @param keep Where the index is kept, and how long after its last change. */
  constructor(documents: DocumentStore, keep: { readonly prefix: string; readonly ttlMs: number }) {
    this.#documents = documents;
    this.#prefix = keep.prefix;
    this.#ttlMs = keep.ttlMs;
  }

  /** Makes a request findable by what it is bound to now. */
  add({ id, binding }: Approval): MaybePromise<void> {
    const change = (old: readonly string[] = []): readonly string[] =>
      old.includes(id) ? old : [...old, id].slice(-MAX_PER_BINDING);
    const added = this.#documents.update<readonly string[]>(this.#keyOf(binding), change, {
      ttlMs: this.#ttlMs,
    });
    return andThen(added, () => undefined);
  }

  /**
   * The request that waives exactly this: approved, in time, and bound to the same action and asks.
   * @param read A request as it stands now.
   */
  findApproved(
    binding: ApprovalBinding,
    read: (id: string) => MaybePromise<Approval | undefined>,
  ): MaybePromise<Approval | undefined> {
    const key = bindingKey(binding);
    return andThen(this.#documents.read<readonly string[]>(this.#keyOf(binding)), (ids = []) => {
      const lookFrom = (position: number): MaybePromise<Approval | undefined> => {
        const id = ids[position];
        if (id === undefined) return undefined;
        return andThen(read(id), (found) =>
          found?.status === "approved" && bindingKey(found.binding) === key ? found : lookFrom(position + 1),
        );
      };
      return lookFrom(0);
    });
  }

  #keyOf(binding: ApprovalBinding): string {
    return `${this.#prefix}bound:${bindingKey(binding)}`;
  }
}
