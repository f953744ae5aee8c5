import type { Figure } from "@agentplane/bench/report";

/** One call, with or without us. */
export type Call = () => Promise<unknown>;

const [ROUNDS, WARM_UP, CALLS] = [101, 20, 200];
/** A goal is missed on a busy machine; so many times as much is a mistake. */
export const WORSE = 5;

/** What governing adds to a call, in µs of the processor, of the fastest of many rounds that take turns. */
export async function addedTo(
  what: string,
  goalUs: number,
  [plain, governed]: readonly [Call, Call],
): Promise<Figure> {
  const times: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [at, call] of [plain, governed].entries()) {
      const before = process.cpuUsage();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      for (let index = 0; index < CALLS; index++) await call();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) times[at]?.push((user + system) / CALLS);
    }
  }
  const measured = Math.min(...times[1]) - Math.min(...times[0]);
  return { name: `added to a ${what}, µs`, measured, goal: goalUs, limit: goalUs * WORSE, isOfWork: true };
}
