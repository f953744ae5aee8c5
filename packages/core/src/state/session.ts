import { AgentplaneError } from "../base/errors.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { SessionEntry, SessionView } from "../rules/session-view.ts";
import type { AdmissionChange, DocumentStore } from "../store/state-store.ts";
import {
  added,
  completed,
  emptySession,
  isShownBy,
  isWhole,
  viewOf,
  withoutCall,
  withoutEarlier,
  type CallOutcome,
  type SessionRecord,
} from "./session-record.ts";
import { recordIn, storedAs, type StoredHistory } from "./session-spill.ts";
import { SessionSpiller, type SpillerPorts } from "./session-spiller.ts";
import { SpilledChunks } from "./spilled-chunks.ts";

/** What sessions need. */
export interface SessionsDeps {
  readonly sessions: DocumentStore;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  /** Without them a history is kept in one document, whatever its store costs. */
  readonly ports?: Omit<SpillerPorts, "nowMs" | "aside">;
  readonly aside?: SpillerPorts["aside"];
  nowMs(): number;
}

/** Which history is looked at, and for which call. */
interface Look {
  readonly key: string;
  readonly callKey: string | undefined;
}

/** A session that was quiet for so long is over. */
const KEPT = { ttlMs: 86_400_000 } as const;
/** A part that is missing was mostly replaced meanwhile: the history as it is now does not name it. */
const MAX_LOOKS = 3;

/** More sessions than this take turns only where each of them is rare. */
const MAX_KNOWN_KEYS = 1_024;

/** The history of each session of a tenant, shared by all its agents: bounded, with counters over the whole. */
export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #views = new WeakMap<SessionRecord, SessionView>();
  readonly #chunks: SpilledChunks;
  /** Undefined where a write costs the same however long a history is. */
  readonly #spiller: SessionSpiller | undefined;
  readonly #keys = new Map<string | undefined, Map<string, string>>();
  #keyCount = 0;
  #lastKey:
    | (Pick<PolicyContext, "agent"> & {
        readonly tenant: string | undefined;
        readonly session: string | undefined;
        readonly key: string;
      })
    | undefined;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    const { sessions, ports, aside, nowMs } = deps;
    this.#chunks = new SpilledChunks(sessions);
    if (sessions.isSerialised !== true || ports === undefined || aside === undefined) return;
    this.#spiller = new SessionSpiller(sessions, this.#chunks, { ...ports, nowMs, aside }, KEPT);
  }

  /**
   * Adds a decided call. An earlier entry of the same call that did not run, or was suspended, is replaced.
   * @param seen The snapshot that the call was decided on, if it was decided on one.
   * @returns False when the history has moved on since that snapshot: nothing was added, the call must be judged again.
   */
  append(context: PolicyContext, entry: SessionEntry, seen?: SessionView): MaybePromise<boolean> {
    let isAdded = true;
    const change = (old: StoredHistory | undefined): StoredHistory | undefined => {
      const next = this.#appended(old, entry, seen);
      isAdded = next !== undefined;
      return next ?? old;
    };
    const updated = this.#update(context, change);
    return isThenable(updated) ? updated.then(() => isAdded) : isAdded;
  }

  /** The same as part of an admission in one step: where the history has moved on, that is called off. */
  appending(context: PolicyContext, entry: SessionEntry, seen?: SessionView): AdmissionChange {
    const key = this.#keyOf(context);
    return {
      collection: "sessions",
      key,
      // The collection decides the type: nobody else writes there.
      change: (old) => this.#appended(old as StoredHistory | undefined, entry, seen) ?? old,
      ...KEPT,
    };
  }

  /**
   * What this process knows of the history without asking: good to decide on where the writing finds out. Asks for those
   * parts alone that it has not seen and that never change.
   */
  guess(context: PolicyContext, callKey?: string): MaybePromise<SessionView> {
    const key = this.#keyOf(context);
    // The key decides the type: nobody else writes there.
    const recent = this.#deps.sessions.recent?.(key) as StoredHistory | undefined;
    return this.#seen({ key, callKey }, recent, 0);
  }

  /** Notes how an admitted call ended; `effect` block takes back one that was not let go on after all. */
  complete(context: PolicyContext, decisionId: string, end: CallOutcome): MaybePromise<void> {
    return this.#update(context, (old) => {
      const known = this.#known(old);
      return this.#changed(old, known, completed(known, decisionId, end));
    });
  }

  /** Takes an admitted call out that never began: it is nobody's past. */
  takeOut(context: PolicyContext, decisionId: string): MaybePromise<void> {
    return this.#update(context, (old) => {
      const known = this.#known(old);
      return this.#changed(old, known, withoutCall(known, decisionId));
    });
  }

  /**
   * A frozen snapshot, calls in flight included.
   * @param callKey Of the call that is decided: what it left when it was asked about, or interrupted, is not its past.
   * @throws AgentplaneError `state_failed` when a part of it is missing
   */
  view(context: PolicyContext, callKey?: string): MaybePromise<SessionView> {
    return this.#viewNow({ key: this.#keyOf(context), callKey });
  }

  #viewNow(look: Look, looks = 1): MaybePromise<SessionView> {
    return andThen(this.#deps.sessions.read<StoredHistory>(look.key), (stored) =>
      this.#seen(look, stored, looks),
    );
  }

  #seen(look: Look, stored: StoredHistory | undefined, looks: number): MaybePromise<SessionView> {
    return andThen(this.#shown(look, stored), (shown) => {
      if (typeof shown !== "string") return shown;
      if (looks < MAX_LOOKS) return this.#viewNow(look, looks + 1);
      const message =
        "a part of a session's history is missing in the state store: nothing is judged by it until the session " +
        "has moved on by 1,000 calls, or was quiet for a day";
      throw new AgentplaneError("state_failed", message, { data: { part: shown } });
    });
  }

  /** @returns The name of a part instead that is missing. */
  #shown({ key, callKey }: Look, stored: StoredHistory | undefined): MaybePromise<SessionView | string> {
    this.#chunks.hasReaders = true;
    if (stored === undefined) return viewOf(emptySession(this.#deps.nowMs()));
    const record = withoutEarlier(recordIn(stored), callKey);
    const known = this.#views.get(record);
    if (known !== undefined) return known;
    if (isWhole(record)) return this.#noted(record, viewOf(record));
    return andThen(this.#chunks.whole(key, record), (whole) =>
      typeof whole === "string" ? whole : this.#noted(record, viewOf(whole)),
    );
  }

  #noted(record: SessionRecord, view: SessionView): SessionView {
    this.#views.set(record, view);
    return view;
  }

  /** @returns undefined when the history is another than was seen. */
  #appended(
    old: StoredHistory | undefined,
    entry: SessionEntry,
    seen: SessionView | undefined,
  ): StoredHistory | undefined {
    const known = this.#known(old);
    if (seen !== undefined && !isShownBy(known, seen)) return undefined;
    return this.#stored(old, known, added(withoutEarlier(known, entry.callKey), entry));
  }

  #stored(old: StoredHistory | undefined, known: SessionRecord, next: SessionRecord): StoredHistory {
    const stored = storedAs(next, old);
    this.#spiller?.changing(known, next, stored);
    return stored;
  }

  #changed(
    old: StoredHistory | undefined,
    known: SessionRecord,
    next: SessionRecord,
  ): StoredHistory | undefined {
    return next === known ? old : this.#stored(old, known, next);
  }

  #known(old: StoredHistory | undefined): SessionRecord {
    return old === undefined ? emptySession(this.#deps.nowMs()) : recordIn(old);
  }

  #update(
    context: PolicyContext,
    change: (old: StoredHistory | undefined) => StoredHistory | undefined,
  ): MaybePromise<void> {
    const key = this.#keyOf(context);
    const updated = this.#deps.sessions.update<StoredHistory>(key, change, KEPT);
    if (this.#spiller !== undefined) return this.#spillAfter(key, updated, this.#spiller);
    return isThenable(updated) ? updated.then(() => undefined) : undefined;
  }

  #spillAfter(
    key: string,
    updated: MaybePromise<StoredHistory | undefined>,
    spiller: SessionSpiller,
  ): MaybePromise<void> {
    return andThen(updated, (stored) => spiller.written(key, stored));
  }

  /** A call is noted when it starts and when it ends, mostly with nothing in between: the last key is kept. */
  #keyOf(context: PolicyContext): string {
    const last = this.#lastKey;
    const { tenant, session, agent } = context;
    if (last?.agent === agent && last.tenant === tenant && last.session === session) return last.key;
    const key = this.#newKeyOf(context);
    this.#lastKey = { agent, tenant, session, key };
    return key;
  }

  /** What was composed before is known by its letters where it is looked up: a new text would be hashed and compared. */
  #sessionKeyOf(tenant: string | undefined, session: string): string {
    const ofTenant = this.#keys.get(tenant);
    const known = ofTenant?.get(session);
    if (known !== undefined) return known;
    const key = tupleKey([this.#deps.planeId, tenant, "session", session]);
    if (++this.#keyCount % MAX_KNOWN_KEYS === 0) this.#keys.clear();
    const keys = this.#keys.get(tenant) ?? new Map<string, string>();
    this.#keys.set(tenant, keys.set(session, key));
    return key;
  }

  /** Without a session the run is one, without a run the root agent: strangers must not share a history. */
  #newKeyOf({ tenant, session, agent }: PolicyContext): string {
    const { planeId } = this.#deps;
    if (session !== undefined) return this.#sessionKeyOf(tenant, session);
    if (agent.runId !== undefined) return tupleKey([planeId, tenant, "run", agent.runId]);
    return tupleKey([planeId, tenant, "agent", agent.ancestors[0] ?? agent.id]);
  }
}
