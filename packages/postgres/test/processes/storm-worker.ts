// One of the processes of the storm: 125 callers on one budget, some of which abort, retry or vanish.
import { setTimeout } from "node:timers/promises";

import type { LimitSpec } from "@agentplane/core";

import { openState } from "./open-state.ts";

/** One budget, and how many spend it in this process. */
export interface Round {
  readonly name: string;
  readonly limit: number;
  readonly callers: number;
}

const [, , connectionString = "", schema = ""] = process.argv;
const { ledger } = openState({ connectionString, schema, timeoutMs: 10_000 });
/** Longer than a call takes on a busy machine: an end after its time would be charged over the limit, as debt. */
const HOLD_MS = 2_000;
let count = 0;

process.on("message", (round: Round) => {
  void play(round).then(
    (settled) => process.send?.({ round: round.name, settled }),
    (error: unknown) => process.send?.({ round: round.name, error: String(error) }),
  );
});
await ledger.read(specOf({ name: "warm", limit: 0, callers: 0 }));
if (process.connected) process.send?.("ready");

async function play(round: Round): Promise<number> {
  const settled = await Promise.all(Array.from({ length: round.callers }, () => spend(round)));
  return settled.reduce((sum, one) => sum + one, 0);
}

/** Calls until there is no room for long enough that every hold which was left behind has expired. */
async function spend(round: Round): Promise<number> {
  let settled = 0;
  for (let refusedMs = 0; refusedMs < 1.2 * HOLD_MS;) {
    // oxlint-disable-next-line no-await-in-loop -- one caller makes one call at a time
    const spent = await call(round, refusedMs === 0 ? 1 + Math.floor(Math.random() * 40) : 1);
    settled += spent ?? 0;
    const pauseMs = 200 + Math.random() * 400;
    if (spent === undefined) refusedMs += pauseMs;
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (spent === undefined) await setTimeout(pauseMs);
  }
  return settled;
}

/** @returns What was settled; undefined when it was refused. */
async function call(round: Round, amount: number): Promise<number | undefined> {
  const id = `${round.name}:${process.pid}:${count++}`;
  const chance = Math.random();
  const items = [{ spec: specOf(round), amount, isSoft: false, expired: "release" as const }];
  const request = { id, ttlMs: HOLD_MS, items };
  // A retry may overtake what it repeats.
  const [first] = await Promise.all([
    ledger.reserve(request),
    ...(chance < 0.1 ? [ledger.reserve(request)] : []),
  ]);
  if (!first.isGranted) return undefined;
  // A caller that vanishes; its hold expires.
  if (chance > 0.95) return 0;
  if (chance > 0.8) {
    await ledger.release(id);
    return 0;
  }
  const actual = Math.ceil(amount * Math.random());
  await Promise.all([ledger.settle(id, [actual]), ...(chance < 0.3 ? [ledger.settle(id, [actual])] : [])]);
  return actual;
}

function specOf({ name, limit }: Round): LimitSpec {
  return { key: name, measure: "tokens", limit, window: { kind: "sliding", windowMs: 3_600_000 } };
}
