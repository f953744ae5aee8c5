import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import { actionOf } from "../context/hookpoint.ts";
import type { SessionEntry, SessionView } from "../rules/session-view.ts";
import type { DocumentStore } from "../store/state-store.ts";

/** What sessions need. */
export interface SessionsDeps {
  readonly sessions: DocumentStore;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  nowMs(): number;
}

type Counts = SessionView["counts"];

interface SessionRecord {
  readonly startedAtMs: number;
  /** The latest entries in chunks, so that one more copies a few references instead of all. */
  readonly chunks: readonly (readonly SessionEntry[])[];
  /** The newest entries, fewer than a chunk: what changes with every call is kept small. */
  readonly tail: readonly SessionEntry[];
  readonly size: number;
  /** How many entries may still be replaced: while there is none, nothing is looked for. */
  readonly open: number;
  readonly counts: Counts;
}

const MAX_ENTRIES = 1_000;
const CHUNK = 16;
/** How far back the same call is looked for: further back it is history. */
const REPLACED_CHUNKS = 16;
/** A session that was quiet for so long is over. */
const KEPT = { ttlMs: 86_400_000 } as const;
const NO_ENTRIES: readonly SessionEntry[] = Object.freeze([]);
const NO_COUNTS: Counts = Object.freeze({ calls: 0, blocked: 0, errors: 0, modelCalls: 0 });

/** The history of each session of a tenant, shared by all its agents: bounded, with counters over the whole. */
export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #views = new WeakMap<SessionRecord, SessionView>();

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** Adds a decided call. An earlier entry of the same call that did not run, or was suspended, is replaced. */
  append(context: PolicyContext, entry: SessionEntry): MaybePromise<void> {
    return this.#update(context, (old) => added(withoutEarlier(old, entry), entry));
  }

  /** Notes how an admitted call ended; `effect` block takes back one that was not let go on after all. */
  complete(
    context: PolicyContext,
    decisionId: string,
    end: {
      readonly isError: boolean;
      readonly durationMs: number;
      readonly effect: "allow" | "ask" | "block";
    },
  ): MaybePromise<void> {
    return this.#update(context, (old) => completed(old, decisionId, end));
  }

  /** A frozen snapshot, calls in flight included. */
  view(context: PolicyContext): MaybePromise<SessionView> {
    return andThen(this.#deps.sessions.read<SessionRecord>(this.#keyOf(context)), (record) =>
      record === undefined ? viewOf(emptySession(this.#deps.nowMs())) : this.#viewOf(record),
    );
  }

  #viewOf(record: SessionRecord): SessionView {
    const known = this.#views.get(record);
    if (known !== undefined) return known;
    const view = viewOf(record);
    this.#views.set(record, view);
    return view;
  }

  #update(context: PolicyContext, change: (old: SessionRecord) => SessionRecord): MaybePromise<void> {
    const nowMs = this.#deps.nowMs();
    const updated = this.#deps.sessions.update<SessionRecord>(
      this.#keyOf(context),
      (old) => {
        const known = old ?? emptySession(nowMs);
        const next = change(known);
        return next === known ? old : next;
      },
      KEPT,
    );
    return andThen(updated, () => undefined);
  }

  /** Without a session the run is one, without a run the root agent: strangers must not share a history. */
  #keyOf({ tenant, session, agent }: PolicyContext): string {
    const { planeId } = this.#deps;
    if (session !== undefined) return tupleKey([planeId, tenant, "session", session]);
    if (agent.runId !== undefined) return tupleKey([planeId, tenant, "run", agent.runId]);
    return tupleKey([planeId, tenant, "agent", agent.ancestors[0] ?? agent.id]);
  }
}

function emptySession(startedAtMs: number): SessionRecord {
  return { startedAtMs, chunks: [], tail: NO_ENTRIES, size: 0, open: 0, counts: NO_COUNTS };
}

function added(record: SessionRecord, entry: SessionEntry): SessionRecord {
  const { startedAtMs, chunks, size, open } = record;
  const tail = [...record.tail, entry];
  const isFull = tail.length === CHUNK;
  const next: SessionRecord = {
    startedAtMs,
    chunks: isFull ? [...chunks, tail] : chunks,
    tail: isFull ? NO_ENTRIES : tail,
    size: size + 1,
    open: open + openOf(entry),
    counts: count(record.counts, entry, 1),
  };
  return isFull ? bounded(next) : next;
}

/** Forgets whole chunks only: what is shown is cut exactly. */
function bounded(record: SessionRecord): SessionRecord {
  const oldest = record.chunks[0];
  if (oldest === undefined || record.size - oldest.length < MAX_ENTRIES) return record;
  const open = oldest.reduce((sum, entry) => sum - openOf(entry), record.open);
  return { ...record, chunks: record.chunks.slice(1), size: record.size - oldest.length, open };
}

function withoutEarlier(record: SessionRecord, { callKey }: SessionEntry): SessionRecord {
  if (callKey === undefined || record.open === 0) return record;
  const found = findLast(
    record,
    (entry) => entry.callKey === callKey && openOf(entry) === 1,
    REPLACED_CHUNKS,
  );
  if (found === undefined) return record;
  const counts = count(record.counts, found.entry, -1);
  return replaced({ ...record, size: record.size - 1, open: record.open - 1, counts }, found, undefined);
}

function completed(
  record: SessionRecord,
  decisionId: string,
  { isError, durationMs, effect }: Parameters<Sessions["complete"]>[2],
): SessionRecord {
  const found = findLast(record, (entry) => entry.decisionId === decisionId);
  if (found === undefined) {
    // Fallen out of the bounded history; the counters still hear of it.
    return isError ? { ...record, counts: { ...record.counts, errors: record.counts.errors + 1 } } : record;
  }
  const ended: SessionEntry = Object.freeze({
    ...found.entry,
    effect,
    isInFlight: false,
    isError,
    durationMs,
  });
  // Mostly a call that was let go on and went well: nothing to count anew.
  const isAsCounted = effect === found.entry.effect && isError === (found.entry.isError === true);
  const counts = isAsCounted ? record.counts : count(count(record.counts, found.entry, -1), ended, 1);
  const open = record.open - openOf(found.entry) + openOf(ended);
  return replaced({ ...record, open, counts }, found, ended);
}

interface Found {
  /** Undefined for the tail. */
  readonly chunk: number | undefined;
  readonly position: number;
  readonly entry: SessionEntry;
}

function findLast(
  { chunks, tail }: SessionRecord,
  isIt: (entry: SessionEntry) => boolean,
  maxChunks = Infinity,
): Found | undefined {
  const first = Math.max(0, chunks.length - maxChunks);
  for (let chunk = chunks.length; chunk >= first; chunk--) {
    const entries = chunks[chunk] ?? tail;
    const position = entries.findLastIndex(isIt);
    const entry = entries[position];
    if (entry !== undefined) return { chunk: chunk === chunks.length ? undefined : chunk, position, entry };
  }
  return undefined;
}

/** The record with one entry replaced, or without it. */
function replaced(
  record: SessionRecord,
  { chunk, position }: Found,
  by: SessionEntry | undefined,
): SessionRecord {
  const { chunks, tail } = record;
  const old = chunk === undefined ? tail : (chunks[chunk] ?? NO_ENTRIES);
  const entries = by === undefined ? old.toSpliced(position, 1) : old.with(position, by);
  if (chunk === undefined) return { ...record, tail: entries };
  return { ...record, chunks: chunks.with(chunk, entries).filter(({ length }) => length > 0) };
}

/** A call that did not run, or has not ended, may come back under its key. */
function openOf({ effect, isInFlight }: SessionEntry): 0 | 1 {
  return effect !== "allow" || isInFlight ? 1 : 0;
}

function count(counts: Counts, { effect, hookpoint, isError }: SessionEntry, by: 1 | -1): Counts {
  const isCall = effect === "allow";
  return {
    calls: counts.calls + (isCall ? by : 0),
    blocked: counts.blocked + (effect === "block" ? by : 0),
    errors: counts.errors + (isError === true ? by : 0),
    modelCalls: counts.modelCalls + (isCall && actionOf(hookpoint) === "model_call" ? by : 0),
  };
}

function viewOf({ startedAtMs, chunks, tail, counts }: SessionRecord): SessionView {
  const entries = [...chunks.flat(), ...tail].slice(-MAX_ENTRIES);
  for (const entry of entries) Object.freeze(entry);
  return Object.freeze({
    entries: Object.freeze(entries),
    counts: Object.freeze(counts),
    startedAtMs,
  });
}
