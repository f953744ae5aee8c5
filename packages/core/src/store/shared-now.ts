import { AgentplaneError } from "../base/errors.ts";
import type { SteadyClock } from "../base/ports.ts";
import type { StateStore } from "./state-store.ts";

/**
 * Tells the time that all processes of a state agree on: its store's, never going back. Where the store has none, or does
 * not know it yet, that of the process.
 * @param own The clock of this process.
 * @returns Epoch ms; throws AgentplaneError `state_failed` where a store tells something that is no time, by which every
 *   claim of another process would be over.
 */
export function sharedNowMs(state: Pick<StateStore, "nowMs">, own: SteadyClock): () => number {
  if (state.nowMs === undefined) return () => own.nowMs();
  let latestMs = Number.NEGATIVE_INFINITY;
  return () => {
    const toldMs = state.nowMs?.();
    if (toldMs === undefined) return own.nowMs();
    if (!Number.isFinite(toldMs))
      throw new AgentplaneError("state_failed", "the state store tells a time that is not a number");
    latestMs = Math.max(latestMs, Math.floor(toldMs));
    return latestMs;
  };
}
