import type { Figure } from "@agentplane/bench/report";

/** A goal is missed on a busy machine; so many times as much is a mistake. */
const WORSE = 5;

/** What governing adds to something, in µs. */
export function addedUs(name: string, measured: number, goal: number): Figure {
  return { name: `${name}, µs`, measured, goal, limit: goal * WORSE, isOfWork: true };
}

type Ways<Name extends string> = Readonly<Record<Name, () => Promise<unknown>>>;

/** How much is measured. */
export interface Effort {
  /** Rounds that take turns and are not counted. */
  readonly warmUp: number;
  readonly rounds: number;
  /** Of each way in a round. */
  readonly calls: number;
}

/** µs of one call in the fastest of many rounds that take turns: what else runs on the machine only ever adds. */
export async function fastestUs<Name extends string>(
  ways: Ways<Name>,
  { warmUp, rounds, calls }: Effort,
): Promise<Record<Name, number>> {
  const best: Record<string, number> = {};
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, call] of Object.entries<() => Promise<unknown>>(ways)) {
      const startedMs = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      for (let at = 0; at < calls; at++) await call();
      const us = ((performance.now() - startedMs) * 1_000) / calls;
      if (round >= 0) best[name] = Math.min(us, best[name] ?? Infinity);
    }
  }
  return best;
}
