/* oxlint-disable no-await-in-loop -- a caller makes one call after the other */
import fs from "node:fs";

import { redisState } from "../../src/index.ts";
import { budget } from "../limits.ts";
import { pause } from "../open-state.ts";
import type { StormTask } from "../storm-round.ts";

/**
 * One process of a storm: many callers at once on one budget. They abort, make calls again, settle twice and forget to
 * end. What they are about to settle, and have settled, is written to a file that outlives a kill.
 */
// The parent wrote it from this very type.
const task = JSON.parse(process.argv[2] ?? "{}") as StormTask;
const { url, namespace, limit, lease, callers, holdTtlMs, logPath, name } = task;
const spec = budget("storm", limit);
const log = fs.openSync(logPath, "a");
const state = redisState({ url, namespace, ...(lease && { lease }) });
const MAX_REFUSALS = 5;
let calls = 0;

const chance = (share: number): boolean => Math.random() < share;
const upTo = (most: number): number => Math.floor(Math.random() * (most + 1));
const note = (...words: readonly (string | number)[]): void => void fs.writeSync(log, `${words.join(" ")}\n`);

async function caller(): Promise<void> {
  for (let refusals = 0; refusals < MAX_REFUSALS;) {
    const amount = 1 + upTo(9);
    const item = { spec, amount, isSoft: false, expired: "release" as const };
    const request = { id: `${name}-${calls++}`, ttlMs: holdTtlMs, items: [item] };
    const startedMs = performance.now();
    const { isGranted } = await state.ledger.reserve(request);
    if (!isGranted) {
      refusals++;
      await pause(10 + upTo(30));
      continue;
    }
    if (chance(0.1)) await state.ledger.reserve(request);
    if (chance(0.2)) await pause(upTo(5));
    if (chance(0.02)) continue;
    if (chance(0.15)) await state.ledger.release(request.id);
    else await settle(request.id, upTo(amount));
    // On a busy machine a hold may have expired before: its settlement was then charged as debt.
    if (performance.now() - startedMs > holdTtlMs) note("late", request.id, amount);
  }
}

async function settle(id: string, actual: number): Promise<void> {
  note("begin", id, actual);
  await state.ledger.settle(id, [actual]);
  note("end", id);
  if (chance(0.1)) await state.ledger.settle(id, [actual + 1]);
}

await state.ready();
process.send?.("ready");
await Promise.all(Array.from({ length: callers }, caller));
await state.close();
process.disconnect();
