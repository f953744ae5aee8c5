import type { Policy, PolicySource } from "./policy.ts";

/** A policy that passed every check: frozen, addressed by its content. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly source: PolicySource;
  /** `sha256:` over canonical JSON of the policy: its version unless one was published. */
  readonly contentHash: string;
}
