import type { ControlRecord } from "../audit/audit-record.ts";
import type { Hash } from "../base/ports.ts";
import type { Policy } from "../policy/policy.ts";
import type { DocumentStore } from "../store/state-store.ts";

/** Who publishes and why; both are required, history without them explains nothing. */
export interface PublishNote {
  readonly author: string;
  readonly changelog: string;
}

/** One published version of a policy: immutable, frozen. */
export interface PolicyVersion {
  readonly policyId: string;
  /** 1, 2, … in the order of publishing. */
  readonly version: number;
  /** `sha256:` over canonical JSON of the policy: equal content has the equal hash, as decisions name it. */
  readonly contentHash: string;
  readonly policy: Policy;
  readonly author: string;
  readonly changelog: string;
  /** Epoch ms. */
  readonly at: number;
  /** Which limits start anew compared with the version before; empty for the first. */
  readonly notes: readonly string[];
  /** The version whose content this one brought back. */
  readonly rollbackOf?: number;
}

/**
 * Names a version: its number, its content hash (the newest version with that content), or an environment (the version
 * that was promoted there last).
 */
export type VersionRef = number | string;

/** What publishing needs. */
export interface VersionDeps {
  readonly versions: DocumentStore;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  readonly hash: Pick<Hash, "sha256">;
  /** Epoch ms. */
  readonly nowMs: () => number;
  readonly record: (record: Omit<ControlRecord, "kind" | "at">) => void;
}
