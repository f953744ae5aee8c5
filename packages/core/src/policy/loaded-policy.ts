import { canonicalJson } from "../base/canonical-json.ts";
import type { Hash } from "../base/ports.ts";
import type { Policy, PolicySource } from "./policy.ts";

/** A policy that passed every check: frozen, addressed by its content. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly source: PolicySource;
  /** `sha256:` over canonical JSON of the policy: its version unless one was published. */
  readonly contentHash: string;
}

/**
 * A policy whose address is found out when somebody first asks for it: most of thousands decide nothing for a long
 * time, and addressing all of them takes longer than parsing their text.
 */
export class HashedLater implements LoadedPolicy {
  readonly policy: Policy;
  readonly source: PolicySource;
  declare readonly contentHash: string;
  readonly #hash: Hash;
  #contentHash: string | undefined;

  /** An own member like the others, so that a spread and `JSON.stringify` have it; one getter for all. */
  static readonly #CONTENT_HASH: PropertyDescriptor & ThisType<HashedLater> = {
    enumerable: true,
    get() {
      this.#contentHash ??= `sha256:${this.#hash.sha256(canonicalJson(this.policy))}`;
      return this.#contentHash;
    },
  };

  /** @param policy Deeply frozen: what is hashed later is what was loaded. */
  constructor(policy: Policy, source: PolicySource, hash: Hash) {
    this.policy = policy;
    this.source = source;
    this.#hash = hash;
    Object.defineProperty(this, "contentHash", HashedLater.#CONTENT_HASH);
    Object.freeze(this);
  }
}
