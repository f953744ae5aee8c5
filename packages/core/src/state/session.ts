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
  viewOf,
  withoutEarlier,
  type CallOutcome,
  type SessionRecord,
} from "./session-record.ts";

/** What sessions need. */
export interface SessionsDeps {
  readonly sessions: DocumentStore;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  nowMs(): number;
}

/** A session that was quiet for so long is over. */
const KEPT = { ttlMs: 86_400_000 } as const;

/** The history of each session of a tenant, shared by all its agents: bounded, with counters over the whole. */
export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #views = new WeakMap<SessionRecord, SessionView>();
  #lastKey:
    | (Pick<PolicyContext, "agent"> & {
        readonly tenant: string | undefined;
        readonly session: string | undefined;
        readonly key: string;
      })
    | undefined;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /**
   * Adds a decided call. An earlier entry of the same call that did not run, or was suspended, is replaced.
   * @param seen The snapshot that the call was decided on, if it was decided on one.
   * @returns False when the history has moved on since that snapshot: nothing was added, the call must be judged again.
   */
  append(context: PolicyContext, entry: SessionEntry, seen?: SessionView): MaybePromise<boolean> {
    let isAdded = true;
    const change = (old: SessionRecord | undefined): SessionRecord | undefined => {
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
    const change = (old: SessionRecord | undefined): SessionRecord | undefined =>
      this.#appended(old, entry, seen) ?? old;
    // The collection decides the type: nobody else writes there.
    return {
      collection: "sessions",
      key,
      change: (old) => change(old as SessionRecord | undefined),
      ...KEPT,
    };
  }

  /** What this process knows of the history without asking: good to decide on where the writing finds out. */
  guess(context: PolicyContext): SessionView {
    // The key decides the type: nobody else writes there.
    return this.#shown(this.#deps.sessions.recent?.(this.#keyOf(context)) as SessionRecord | undefined);
  }

  /** Notes how an admitted call ended; `effect` block takes back one that was not let go on after all. */
  complete(context: PolicyContext, decisionId: string, end: CallOutcome): MaybePromise<void> {
    const change = (old: SessionRecord | undefined): SessionRecord | undefined => {
      const known = old ?? this.#newSession();
      const next = completed(known, decisionId, end);
      return next === known ? old : next;
    };
    return this.#update(context, change);
  }

  /** A frozen snapshot, calls in flight included. */
  view(context: PolicyContext): MaybePromise<SessionView> {
    return andThen(this.#deps.sessions.read<SessionRecord>(this.#keyOf(context)), (record) =>
      this.#shown(record),
    );
  }

  #shown(record: SessionRecord | undefined): SessionView {
    return record === undefined ? viewOf(this.#newSession()) : this.#viewOf(record);
  }

  /** @returns undefined when the history is another than was seen. */
  #appended(
    old: SessionRecord | undefined,
    entry: SessionEntry,
    seen: SessionView | undefined,
  ): SessionRecord | undefined {
    const known = old ?? this.#newSession();
    if (seen !== undefined && !isShownBy(known, seen)) return undefined;
    return added(withoutEarlier(known, entry), entry);
  }

  #viewOf(record: SessionRecord): SessionView {
    const known = this.#views.get(record);
    if (known !== undefined) return known;
    const view = viewOf(record);
    this.#views.set(record, view);
    return view;
  }

  #newSession(): SessionRecord {
    return emptySession(this.#deps.nowMs());
  }

  #update(
    context: PolicyContext,
    change: (old: SessionRecord | undefined) => SessionRecord | undefined,
  ): MaybePromise<void> {
    const updated = this.#deps.sessions.update<SessionRecord>(this.#keyOf(context), change, KEPT);
    return isThenable(updated) ? updated.then(() => undefined) : undefined;
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

  /** Without a session the run is one, without a run the root agent: strangers must not share a history. */
  #newKeyOf({ tenant, session, agent }: PolicyContext): string {
    const { planeId } = this.#deps;
    if (session !== undefined) return tupleKey([planeId, tenant, "session", session]);
    if (agent.runId !== undefined) return tupleKey([planeId, tenant, "run", agent.runId]);
    return tupleKey([planeId, tenant, "agent", agent.ancestors[0] ?? agent.id]);
  }
}
