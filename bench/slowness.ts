import { startWorker } from "./child.ts";
import type { Round } from "./measure.ts";

/** p50 of the hand-written index at 1,000 policies, in µs, on the machine that the goals in absolute units are from. */
const THERE_US = 0.39;
const TURNS = 15;

/**
 * How many times as long as on the machine of the goals the same work takes here, by the hand-written index. The fastest
 * of several turns counts, as of what is compared with it: what else runs on a machine only ever adds. Prints it.
 */
export async function slowness(): Promise<number> {
  const worker = await startWorker("measure.ts", ["hand-written", "1000"]);
  let hereUs = Infinity;
  for (let turn = 0; turn < TURNS; turn++) {
    // oxlint-disable-next-line no-await-in-loop -- one turn after the other
    const { p50Us } = (await worker.measure()) as Round;
    hereUs = Math.min(hereUs, p50Us);
  }
  worker.stop();
  const times = hereUs / THERE_US;
  console.log(
    `Work takes ${times.toFixed(2)} × as long as where the goals are from: ${hereUs.toFixed(2)} µs a hand-written decision at 1,000 policies, there ${THERE_US}.`,
  );
  return times;
}
