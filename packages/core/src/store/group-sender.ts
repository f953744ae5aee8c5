import type { StoredDocument } from "./recent-documents.ts";
import type { Reservation, ReserveRequest } from "./state-store.ts";

/** One collection of a store that writes in groups. */
export interface GroupedDocuments {
  /** Names and orders its documents together with their keys: every process locks them in one order. */
  readonly collection: string;
  /** Whether its documents are written by every call: those go with others. What people write waits for nothing else. */
  readonly isOfCalls: boolean;
  /** What this process saw last of a document. */
  guess(key: string): StoredDocument;
  /** The value of what was found. */
  valueOf(key: string, stored: StoredDocument): unknown;
  /** What is there now. */
  fresh(key: string): Promise<StoredDocument>;
}

/** One document on its way. */
export interface DocumentChange<D extends GroupedDocuments> {
  readonly documents: D;
  readonly key: string;
  change(old: unknown): unknown;
  readonly ttlMs: number | undefined;
}

/** What becomes of a document, and what must still be there for it. */
export interface DocumentWrite<D extends GroupedDocuments> {
  readonly documents: D;
  readonly key: string;
  /** Empty for a document that must not be there. */
  readonly version: string;
  /** Undefined to delete it. */
  readonly json: string | undefined;
  /** The same, before it became JSON. */
  readonly value: unknown;
  readonly ttlMs: number | undefined;
}

/** All that a server is to do in one step, or nothing of it. */
export interface WriteGroup<D extends GroupedDocuments> {
  /** Each document once, in the order in which they are locked. */
  readonly writes: readonly DocumentWrite<D>[];
  /** Reservations to make, in order; each that would exceed a limit, a soft one too, stops the group. */
  readonly takes: readonly ReserveRequest[];
  /** What these would be answered after all of it; they stop nothing. */
  readonly probes: readonly ReserveRequest[];
}

/** Whether a reservation fits beside those before it. `alone`: that cannot be told in a group. */
export type Verdict = "fits" | "alone" | Reservation;

/** What came of a group. */
export type GroupAnswer =
  /** All of it was done; the documents' new versions and the answers to the probes, by position. */
  | { readonly kind: "done"; readonly versions: readonly string[]; readonly probed: readonly Verdict[] }
  /** Nothing: documents are others by now. By position what is there; undefined for one that is as it was known. */
  | { readonly kind: "moved"; readonly there: readonly (StoredDocument | undefined)[] }
  /** Nothing: not all reservations fit; by position. */
  | { readonly kind: "refused"; readonly taken: readonly Verdict[] };

/** How a store sends a group to its server. */
export interface GroupSender<D extends GroupedDocuments> {
  /** @throws when nothing is known of it, or nothing was done: then everybody in the group is told so */
  send(group: WriteGroup<D>): Promise<GroupAnswer>;
  /** Whether a failure is that of something asked for, which must not fail what others asked for beside it. */
  isOfOne(error: unknown): boolean;
}

/** Somebody who waits for a group. */
export interface GroupMember<D extends GroupedDocuments> {
  readonly changes: readonly DocumentChange<D>[];
  readonly reserve: ReserveRequest | undefined;
  /** From then on nobody waits for it any more. */
  readonly untilMs: number;
  /** @param value What its last change made. */
  written(value: unknown): void;
  /** A change left its document as it is. */
  idle(value: unknown): void;
  refused(reservation: Reservation): void;
  failed(error: unknown): void;
}

/** A document's name beside those of all collections. */
export function documentName({
  documents,
  key,
}: Pick<DocumentChange<GroupedDocuments>, "documents" | "key">): string {
  return `${documents.collection}:${key}`;
}

/** Whether every call writes documents of a collection. */
export function isOfCalls(collection: string): boolean {
  return collection === "sessions" || collection === "admissions";
}
