import type { MaybePromise } from "../base/maybe-promise.ts";
import type { LimitSpec } from "../policy/limit.ts";

/** One limit's part of a reservation. */
export interface ReserveItem {
  readonly spec: LimitSpec;
  /** Integer ≥ 0 in the spec's measure. */
  readonly amount: number;
  /** Exceeding a soft limit is reported and charged; exceeding a hard one refuses the whole request. */
  readonly isSoft: boolean;
  /** What becomes of the hold when its time is up without an end. */
  readonly expired: "charge" | "release";
}

/** All limits of one call, in one atomic request; idempotent by `id`. */
export interface ReserveRequest {
  readonly id: string;
  readonly ttlMs: number;
  readonly items: readonly ReserveItem[];
}

/** A limit that the request would exceed. */
export interface LimitBreach {
  /** Position in `items`. */
  readonly index: number;
  /** Until enough of the window has passed; undefined when time alone will not help. */
  readonly retryAfterMs?: number;
}

/** The answer: when not granted nothing is held, and every exceeded hard and soft limit is named. */
export interface Reservation {
  readonly isGranted: boolean;
  readonly breaches: readonly LimitBreach[];
}

/** What is left of one limit. */
export interface LimitState {
  readonly used: number;
  readonly held: number;
  /** The limit's number plus grants. */
  readonly limit: number;
}

/**
 * Counters and budgets. Invariant at every admission: `used + held ≤ limit` for hard limits. Time is the store's own.
 * `settle` and `release` are idempotent by id; a settle after expiry is charged, as debt if needed.
 */
export interface LedgerStore {
  reserve(request: ReserveRequest): MaybePromise<Reservation>;
  /** What `reserve` would answer; nothing is taken. */
  probe(request: ReserveRequest): MaybePromise<Reservation>;
  /** @param actuals Amounts by position of the reservation's items; undefined keeps the estimate. */
  settle(id: string, actuals: readonly (number | undefined)[]): MaybePromise<void>;
  release(id: string): MaybePromise<void>;
  renew(id: string, ttlMs: number): MaybePromise<void>;
  read(spec: LimitSpec): MaybePromise<LimitState>;
  /** Adds to a limit for its current window; the operator's grant. */
  grant(spec: LimitSpec, amount: number): MaybePromise<void>;
  /** Forgets what was used; holds stay. */
  reset(key: string): MaybePromise<void>;
}

/** How a document is written. */
export interface UpdateOptions {
  /** Forget the document this long after its last write. Default: keep. */
  readonly ttlMs?: number;
}

/** Who is told of changes under a prefix. */
export interface DocumentWatcher<T> {
  /**
   * A document was written, here or by another process; undefined: it was deleted or forgotten. Of changes in quick
   * succession the last one is told in any case, and never an older one after it.
   */
  changed(key: string, value: T | undefined): void;
  /**
   * The store was reached and nothing was missed. A store that cannot lose a change (memory) never says so; any other
   * says it before `watch` returns, too: one that falls silent before its first word would not be missed.
   * @param heartbeatMs It will be said again at least this often; two of it unsaid make what is known here stale.
   */
  confirmed?(heartbeatMs: number): void;
  /** Changes may have been missed, by a lost connection for one: everything must be read again. */
  missed?(): void;
}

/** One document's part in the admission of a call. */
export interface AdmissionChange {
  readonly collection: "sessions" | "admissions";
  readonly key: string;
  /**
   * As for `update`, but returning the same reference calls the whole admission off: it was decided on something else
   * than what is there.
   */
  change(old: unknown): unknown;
  readonly ttlMs?: number;
}

/** All that the admission of one call takes and writes; each document stands in it once. */
export interface StoreAdmission {
  /** Undefined for a call without limits. */
  readonly reserve: ReserveRequest | undefined;
  readonly changes: readonly AdmissionChange[];
}

/** The answer: everything was done, or nothing. */
export type StoreAdmissionAnswer =
  | { readonly isAdmitted: true }
  /** `reservation`: what `reserve` would answer, where it exceeds a limit; undefined when a change called it off. */
  | { readonly isAdmitted: false; readonly reservation: Reservation | undefined };

/**
 * Small JSON documents with compare-and-set: plugs, modes, ladders, approvals, sessions, admissions, versions. Keys are any
 * Unicode. `change` may run more than once and must be pure; returning the same reference writes nothing, returning
 * undefined deletes.
 */
export interface DocumentStore {
  /**
   * Whether each write costs as much as the document is long, as where it is sent or stored as text: what would grow, the
   * history of a session, is then kept in several documents. Default: false, for references are kept at no cost.
   */
  readonly isSerialised?: boolean;
  read<T>(key: string): MaybePromise<T | undefined>;
  /**
   * What this process knows of a document without asking: a guess, that only a write can confirm. Undefined for one
   * that it has not seen. Needed by a store with `admit`.
   */
  recent?(key: string): unknown;
  update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): MaybePromise<T | undefined>;
  list<T>(prefix: string): MaybePromise<readonly (readonly [key: string, value: T])[]>;
  /** Reports every change under a prefix, also those of other processes. Returns the unsubscription. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the documents' shape, as read does
  watch<T>(prefix: string, watcher: DocumentWatcher<T>): () => void;
}

/** Everything that must be remembered, in one object; other backends implement these two interfaces. */
export interface StateStore {
  readonly ledger: LedgerStore;
  readonly controls: DocumentStore;
  readonly ladders: DocumentStore;
  readonly approvals: DocumentStore;
  readonly sessions: DocumentStore;
  readonly admissions: DocumentStore;
  /** Published versions of policies, each written once. */
  readonly versions: DocumentStore;
  /**
   * Admits a call in one atomic step: takes all its limits and writes its documents, or does nothing of it. A limit
   * that would be exceeded, a soft one too, leaves everything as it was. A store that leaves this out is asked step by
   * step; one across a network should have it, for it costs one round trip instead of one per step.
   */
  admit?(admission: StoreAdmission): MaybePromise<StoreAdmissionAnswer>;
  /**
   * What time it is by the clock that all processes of this state share, in epoch ms: until when a mode, a question, a
   * ladder's breach or the claim to a call holds is counted by it, whatever the clock of the process shows. Undefined while
   * it is not known. A store that one process has for itself leaves it out.
   */
  nowMs?(): number | undefined;
  close(): MaybePromise<void>;
}
