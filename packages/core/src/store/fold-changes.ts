import {
  documentName,
  type DocumentChange,
  type DocumentWrite,
  type GroupedDocuments,
  type GroupMember,
} from "./group-sender.ts";
import type { StoredDocument } from "./recent-documents.ts";

/** What is known of a document while a group is on its way. */
export interface KnownDocument {
  readonly stored: StoredDocument;
  readonly value: unknown;
  /** Whether the server has said so, not only this process's memory. */
  readonly isSure: boolean;
}

/** Somebody for whom nothing is to be written, if what it saw is really so. */
export interface IdleMember<D extends GroupedDocuments> {
  readonly member: GroupMember<D>;
  readonly outcome: Outcome<D>;
}

/** A change that left its document as it is, or refused it; whatever else its member would write does not matter then. */
type Outcome<D extends GroupedDocuments> = { readonly of: DocumentChange<D> } & (
  | { readonly value: unknown }
  | { readonly error: unknown }
);

/** What a group comes to. */
export interface Folded<D extends GroupedDocuments> {
  readonly writes: readonly DocumentWrite<D>[];
  readonly writing: readonly { readonly member: GroupMember<D>; readonly value: unknown }[];
  readonly idle: readonly IdleMember<D>[];
  /** Those that have to wait until the others are written. */
  readonly later: readonly GroupMember<D>[];
}

/** A document as it will be. */
interface Draft<D extends GroupedDocuments> {
  readonly change: DocumentChange<D>;
  readonly value: unknown;
}

type Drafts<D extends GroupedDocuments> = Map<string, Draft<D>>;

/**
 * Makes the changes of a group's members one after the other, each upon what those before it have made. All changes of a
 * member or none: one that leaves its document as it is calls the others off.
 * @param known What is there before them.
 */
export function foldChanges<D extends GroupedDocuments>(
  members: readonly GroupMember<D>[],
  known: (change: DocumentChange<D>) => KnownDocument,
): Folded<D> {
  const drafts: Drafts<D> = new Map();
  const writing: { member: GroupMember<D>; value: unknown }[] = [];
  const idle: IdleMember<D>[] = [];
  let later: readonly GroupMember<D>[] = [];
  for (const [at, member] of members.entries()) {
    const own = draftsOf(member, drafts, known);
    if (!(own instanceof Map)) {
      idle.push({ member, outcome: own });
      continue;
    }
    // A document that is not there yet cannot be deleted.
    if ([...own.values()].some(({ change, value }) => value === undefined && !isThere(known(change)))) {
      later = members.slice(at);
      break;
    }
    let last: unknown;
    for (const [name, draft] of own) {
      drafts.set(name, draft);
      last = draft.value;
    }
    writing.push({ member, value: last });
  }
  return { writes: writesOf(drafts, known), writing, idle, later };
}

/** What a member makes of its documents; else why nothing. */
function draftsOf<D extends GroupedDocuments>(
  { changes }: GroupMember<D>,
  drafts: Drafts<D>,
  known: (change: DocumentChange<D>) => KnownDocument,
): Drafts<D> | Outcome<D> {
  const own: Drafts<D> = new Map();
  for (const change of changes) {
    const name = documentName(change);
    const draft = drafts.get(name);
    const old = draft === undefined ? known(change).value : draft.value;
    try {
      const value = change.change(old);
      if (value === old) return { of: change, value };
      own.set(name, { change, value });
    } catch (error) {
      return { of: change, error };
    }
  }
  return own;
}

function isThere({ stored }: KnownDocument): boolean {
  return stored.json !== undefined;
}

function writesOf<D extends GroupedDocuments>(
  drafts: Drafts<D>,
  known: (change: DocumentChange<D>) => KnownDocument,
): readonly DocumentWrite<D>[] {
  return [...drafts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { change, value }]) => ({
      documents: change.documents,
      key: change.key,
      version: known(change).stored.version,
      json: value === undefined ? undefined : JSON.stringify(value),
      value,
      ttlMs: change.ttlMs,
    }));
}
