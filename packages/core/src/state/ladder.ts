import { requireDurationMs } from "../base/duration.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { EscalationStep } from "../policy/policy.ts";
import type { DocumentStore } from "../store/state-store.ts";

/** Whose ladder: every combination has its own. */
export interface LadderOf {
  readonly policyId: string;
  readonly trigger: string;
  readonly agent: string;
  readonly tenant?: string | undefined;
}

/** One breach of a ladder's trigger. */
export interface LadderBreach extends LadderOf {
  /** The policy's steps of this trigger, in list order. */
  readonly steps: readonly EscalationStep[];
  /** The call key: asking and then executing one call is one breach. */
  readonly breachId: string;
  readonly nowMs: number;
}

/** Where a ladder stands after a breach; what to do about it is the engine's to do. */
export interface LadderLevel {
  /** 0 = below the first step, else the step's position + 1. */
  readonly level: number;
  readonly step?: EscalationStep;
  /** This breach changed the level: alerts fire. */
  readonly hasChanged: boolean;
}

interface Breaches {
  readonly breaches: readonly { readonly at: number; readonly id: string }[];
}

/** As long as call keys are known, so that no resumed call is counted a second time. */
const KEPT_MS = 86_400_000;
const KEPT_BREACHES = 256;

/**
 * The level of a ladder, a function of its recent breaches alone, so that it decays by itself: the highest n, in list
 * order, with at least `after` breaches in `(now − within, now]`.
 * @returns 0 when no step is reached, else the step's position + 1.
 */
export function levelOf(
  steps: readonly EscalationStep[],
  breachTimes: readonly number[],
  nowMs: number,
): number {
  for (let index = steps.length - 1; index >= 0; index--) {
    const step = steps[index];
    if (step === undefined) continue;
    const sinceMs = nowMs - requireDurationMs(step.within);
    // A time ahead of ours, of another process, is as good as now.
    const count = breachTimes.reduce((sum, at) => (at > sinceMs ? sum + 1 : sum), 0);
    if (count >= step.after) return index + 1;
  }
  return 0;
}

/** The escalation ladders' memory: breaches per policy, agent, tenant and trigger. */
export class Ladders {
  readonly #documents: DocumentStore;
  readonly #planeId: string | undefined;

  /** @param deps `planeId` keeps several planes on one store apart. */
  constructor(deps: { readonly ladders: DocumentStore; readonly planeId?: string }) {
    this.#documents = deps.ladders;
    this.#planeId = deps.planeId;
  }

  /** Counts a breach, once per call, and answers where the ladder stands. */
  record(breach: LadderBreach): MaybePromise<LadderLevel> {
    const { steps, breachId, nowMs } = breach;
    let before = 0;
    let level = 0;
    const change = (old: Breaches | undefined): Breaches => {
      const known = old?.breaches ?? [];
      before = levelOf(steps, timesOf(known), nowMs);
      if (old !== undefined && known.some(({ id }) => id === breachId)) {
        level = before;
        return old;
      }
      const breaches = pruned([...known, { at: nowMs, id: breachId }], steps, nowMs);
      level = levelOf(steps, timesOf(breaches), nowMs);
      return { breaches };
    };
    const updated = this.#documents.update<Breaches>(this.#keyOf(breach), change, { ttlMs: keptMs(steps) });
    return andThen(updated, () => {
      const step = steps[level - 1];
      return { level, ...(step !== undefined && { step }), hasChanged: level !== before };
    });
  }

  /** Forgets the breaches of one ladder. */
  reset(of: LadderOf): MaybePromise<void> {
    return andThen(
      this.#documents.update<Breaches>(this.#keyOf(of), () => undefined),
      () => undefined,
    );
  }

  #keyOf({ policyId, trigger, agent, tenant }: LadderOf): string {
    return tupleKey([this.#planeId, policyId, trigger, agent, tenant]);
  }
}

function timesOf(breaches: Breaches["breaches"]): readonly number[] {
  return breaches.map(({ at }) => at);
}

function keptMs(steps: readonly EscalationStep[]): number {
  return Math.max(KEPT_MS, ...steps.map(({ within }) => requireDurationMs(within)));
}

/** No step can need more than its `after` latest breaches; the rest serves to know a call again. */
function pruned(
  breaches: Breaches["breaches"],
  steps: readonly EscalationStep[],
  nowMs: number,
): Breaches["breaches"] {
  const sinceMs = nowMs - keptMs(steps);
  const kept = Math.max(KEPT_BREACHES, ...steps.map(({ after }) => after));
  return breaches.filter(({ at }) => at > sinceMs).slice(-kept);
}
