import { errorText } from "../base/error-text.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import { actionOf } from "../context/hookpoint.ts";
import { headroomIn } from "../policy/mode.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { joinModes, NO_MODES, type ModeJudgement } from "./judge-modes.ts";
import {
  createModeEntry,
  isQuietRecovery,
  isScopeCovered,
  isScopeIn,
  renewed,
  type ModeChange,
  type ModeEntry,
  type ModeScope,
} from "./mode-entry.ts";
import { Replica } from "./replica.ts";
import { ScopeIndex } from "./scope-index.ts";

export type { ModeChange, ModeEntry, ModeScope } from "./mode-entry.ts";

/** What degradation needs. */
export interface DegradationDeps {
  readonly controls: DocumentStore;
  readonly ports: Pick<Ports, "clock" | "logger" | "timers">;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  nowMs(): number;
  record(record: Omit<ControlRecord, "kind" | "at">): void;
  /** The free share, 0 to 1, of the limit that a headroom recovery names, for this call's subjects. */
  readonly headroom?: (
    entry: ModeEntry,
    rule: string,
    context: PolicyContext,
  ) => MaybePromise<number | undefined>;
}

/** How often a limit is asked whether it has room again. */
const HEADROOM_CHECK_MS = 1_000;
const NONE: readonly never[] = Object.freeze([]);

/** The modes in force, joined for each call; each ends by hand, after a time, after quiet, or with headroom. */
export class Degradation {
  readonly #deps: DegradationDeps;
  readonly #prefix: string;
  readonly #index = new ScopeIndex<ModeEntry>();
  readonly #replica: Replica<ModeEntry>;
  readonly #ending = new Set<string>();
  readonly #headroomAskedMs = new Map<string, number>();

  constructor(deps: DegradationDeps) {
    this.#deps = deps;
    this.#prefix = `mode:${tupleKey([deps.planeId])}`;
    this.#replica = new Replica<ModeEntry>({
      documents: deps.controls,
      prefix: this.#prefix,
      ports: deps.ports,
      changed: (old, next) => {
        if (old !== undefined) this.#index.remove(old.scope, old);
        if (next !== undefined) this.#index.add(next.scope, next);
      },
    });
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#replica.revision;
  }

  /**
   * Sets a mode, or renews it: in force here at once.
   * @throws ConfigError for an unknown mode, scope or duration
   */
  set(change: ModeChange): MaybePromise<void> {
    const entry = createModeEntry(change, this.#deps.nowMs());
    const known = this.#replica.get(this.#prefix + entry.id);
    // Without a time there is nothing to renew.
    if (known !== undefined && entry.untilMs === undefined) return;
    this.#record(known === undefined ? "mode_set" : "mode_renewed", entry, entry.by);
    return this.#replica.put(this.#prefix + entry.id, entry);
  }

  /**
   * Ends one mode by its id, or all modes of exactly this scope, whatever set them.
   * @returns How many there were.
   */
  recover(scopeOrId: ModeScope | string, { by }: { readonly by: string }): MaybePromise<number> {
    const ended = this.#replica
      .values()
      .filter(({ id, scope }) =>
        typeof scopeOrId === "string" ? id === scopeOrId : isScopeCovered(scope, scopeOrId),
      );
    const endFrom = (position: number): MaybePromise<number> => {
      const entry = ended[position];
      return entry === undefined
        ? ended.length
        : andThen(
            this.#end(entry, by, () => true),
            () => endFrom(position + 1),
          );
    };
    return endFrom(0);
  }

  /** Renews the modes that wait for quiet from one setter: there was another breach. */
  touch(by: string, context: PolicyContext): MaybePromise<void> {
    const nowMs = this.#deps.nowMs();
    const waiting = this.entriesFor(context).filter((entry) => entry.by === by && isQuietRecovery(entry));
    const touchFrom = (position: number): MaybePromise<void> => {
      const entry = waiting[position];
      if (entry === undefined) return;
      return andThen(this.#replica.put(this.#prefix + entry.id, renewed(entry, nowMs)), () =>
        touchFrom(position + 1),
      );
    };
    return touchFrom(0);
  }

  /** Every mode in force. */
  entries(): readonly ModeEntry[] {
    const nowMs = this.#deps.nowMs();
    return this.#replica.values().filter((entry) => !this.#isOver(entry, nowMs));
  }

  /** The modes in force for a call; those whose time is up are ended on the way. */
  entriesFor(context: PolicyContext): readonly ModeEntry[] {
    if (this.#index.size === 0) return NONE;
    const nowMs = this.#deps.nowMs();
    const found = this.#index.find(context).filter(({ scope }) => isScopeIn(scope, context));
    return found.filter((entry) => !this.#isOver(entry, nowMs) && !this.#hasHeadroom(entry, context, nowMs));
  }

  /** What the modes in force do to a call. O(1) while there is none. */
  judge(context: PolicyContext, traits: ToolTraits | undefined): ModeJudgement {
    const entries = this.entriesFor(context);
    return entries.length === 0 ? NO_MODES : joinModes(entries, traits, actionOf(context.hookpoint));
  }

  /** Reads every mode again. */
  load(): MaybePromise<void> {
    return this.#replica.load();
  }

  /** Called after every change. Returns the unsubscription. */
  subscribe(changed: () => void): () => void {
    return this.#replica.subscribe(changed);
  }

  /** Notes that the store was heard of; see `isStale`. */
  confirm(heartbeatMs: number): void {
    this.#replica.confirm(heartbeatMs);
  }

  /** Whether modes may be unknown here: not read yet, or unconfirmed for two heartbeats. */
  isStale(): boolean {
    return this.#replica.isStale();
  }

  close(): void {
    this.#replica.close();
  }

  #isOver(entry: ModeEntry, nowMs: number): boolean {
    if (entry.untilMs === undefined || entry.untilMs > nowMs) return false;
    // It is over here whether or not the store hears of it now; a mode renewed elsewhere meanwhile stays.
    this.#endAside(entry, (stored) => stored.untilMs === undefined || stored.untilMs <= nowMs);
    return true;
  }

  #hasHeadroom(entry: ModeEntry, context: PolicyContext, nowMs: number): boolean {
    const wanted = headroomIn(entry.degrade);
    const { headroom } = this.#deps;
    if (wanted === undefined || headroom === undefined) return false;
    const askedMs = this.#headroomAskedMs.get(entry.id);
    if (askedMs !== undefined && nowMs - askedMs < HEADROOM_CHECK_MS) return false;
    this.#headroomAskedMs.set(entry.id, nowMs);
    const judge = (free: number | undefined): boolean => {
      if (free === undefined || free < wanted.atLeast) return false;
      this.#endAside(entry, () => true);
      return true;
    };
    const free = headroom(entry, wanted.rule, context);
    if (!isThenable(free)) return judge(free);
    // Asked aside: this call is still judged by the mode, the next one no longer.
    free.then(judge).catch((error: unknown) => this.#report(error));
    return false;
  }

  #endAside(entry: ModeEntry, mayEnd: (stored: ModeEntry) => boolean): void {
    if (this.#ending.has(entry.id)) return;
    this.#ending.add(entry.id);
    const done = (): void => void this.#ending.delete(entry.id);
    try {
      const ended = this.#end(entry, "recovery", mayEnd);
      if (isThenable(ended)) ended.catch((error: unknown) => this.#report(error)).finally(done);
      else done();
    } catch (error) {
      done();
      this.#report(error);
    }
  }

  #end(entry: ModeEntry, by: string, mayEnd: (stored: ModeEntry) => boolean): MaybePromise<void> {
    let hasEnded = false;
    const gone = this.#replica.update(this.#prefix + entry.id, (stored) => {
      hasEnded = stored !== undefined && mayEnd(stored);
      return hasEnded ? undefined : stored;
    });
    return andThen(gone, () => {
      this.#headroomAskedMs.delete(entry.id);
      if (hasEnded) this.#record("mode_recovered", entry, by);
    });
  }

  #record(action: string, { id, scope, degrade, cause }: ModeEntry, by: string): void {
    const subject = scope.kind === "global" ? "global" : `${scope.kind}:${scope.id ?? ""}`;
    const data = { id, mode: degrade.mode, tenant: scope.tenant ?? null };
    this.#deps.record({ action, by, subject, reason: cause, data });
  }

  #report(error: unknown): void {
    const text = errorText(error);
    this.#deps.ports.logger.error("the end of a mode could not be stored; trying again", { error: text });
  }
}
