import { errorText } from "../base/error-text.ts";
import { isThenable } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { Observation } from "../rules/rule.ts";
import type { CompiledEntry } from "./compiled-policy.ts";

/** Runs non-blocking rules aside, in order, never awaited by the agent. */
export interface ObserverQueue {
  push(entries: readonly CompiledEntry[], observation: Observation): void;
  /** Other work that must be finished before a flush is, such as an alert under way. */
  track(work: Promise<unknown>): void;
  /** Settles when everything pushed so far has been observed. */
  flush(): Promise<void>;
  /** Observations that found the queue full and were dropped. */
  readonly droppedCount: number;
}

/** What waits at most; beyond it the newest are dropped and counted. */
const MAX_WAITING = 10_000;

/**
 * Creates the queue of the non-blocking rules.
 * @param ports Timers bound each observation's time; `waitUntil` keeps a serverless function alive for the rest.
 */
export function createObserverQueue(ports: Ports): ObserverQueue {
  const waiting: { readonly entries: readonly CompiledEntry[]; readonly observation: Observation }[] = [];
  const tracked = new Set<Promise<unknown>>();
  let running: Promise<void> | undefined;
  let dropped = 0;

  const drain = async (): Promise<void> => {
    // Leave the agent's own turn first: nothing here may delay the decision that pushed.
    await Promise.resolve();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      for (const entry of next.entries) {
        // oxlint-disable-next-line no-await-in-loop -- observations keep their order
        await observe(entry, next.observation, ports);
      }
    }
    running = undefined;
  };

  const track = (work: Promise<unknown>): void => {
    const settled = work.catch((error: unknown) => {
      ports.logger.error("work aside failed", {
        error: error instanceof Error ? error.message : String(error),
      });
    });
    tracked.add(settled);
    void settled.finally(() => tracked.delete(settled));
    ports.waitUntil?.(settled);
  };

  return {
    push(entries, observation) {
      if (entries.length === 0) return;
      if (waiting.length >= MAX_WAITING) {
        if (dropped++ === 0)
          ports.logger.error("observations are being dropped: the queue is full", { MAX_WAITING });
        return;
      }
      waiting.push({ entries, observation });
      if (running !== undefined) return;
      running = drain();
      ports.waitUntil?.(running);
    },
    track,
    async flush() {
      // oxlint-disable-next-line no-unmodified-loop-condition -- drained and pushed by what is awaited
      while (running !== undefined || tracked.size > 0) {
        // oxlint-disable-next-line no-await-in-loop -- what finishes may have pushed more
        await Promise.all([running, ...tracked]);
      }
    },
    get droppedCount() {
      return dropped;
    },
  };
}

async function observe(entry: CompiledEntry, observation: Observation, ports: Ports): Promise<void> {
  const report = (problem: string): void => {
    ports.logger.error(`non-blocking rule "${entry.ruleId}" of policy "${entry.policy.id}" ${problem}`, {
      policyId: entry.policy.id,
      ruleId: entry.ruleId,
    });
  };
  try {
    const work = entry.rule.observe?.(observation);
    if (work === undefined || !isThenable(work)) return;
    let cancel: (() => void) | undefined;
    const late = new Promise<"late">((resolve) => {
      cancel = ports.timers.set(() => resolve("late"), entry.timeoutMs);
    });
    const first = await Promise.race([work, late]).finally(() => cancel?.());
    if (first === "late") {
      report("did not finish in time");
      work.catch((error: unknown) => report(`failed late: ${errorText(error)}`));
    }
  } catch (error) {
    report(`failed: ${errorText(error)}`);
  }
}
