import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { LimitSpec } from "../../src/policy/limit.ts";
import type { LedgerStore, LimitState } from "../../src/store/state-store.ts";
import { accountOf, type Account } from "./storm-account.ts";
import { watchPeak } from "./storm-peak.ts";
import { openStore, type StoreAddress, type WorkerOrders } from "./storm-plan.ts";

/** How hard a storm blows. */
export interface StormOptions {
  readonly store: StoreAddress;
  readonly rounds: number;
  /** Default 8. */
  readonly processes?: number;
  /** Callers at once per process. Default 125. */
  readonly callers?: number;
  /** Processes that are killed (`SIGKILL`) in each round. Default 2. */
  readonly kills?: number;
  /** Default 2,500. */
  readonly ttlMs?: number;
  readonly limit?: number;
  readonly ends?: WorkerOrders["ends"];
  readonly reservationsPerCaller?: number;
  /** Told of every round. */
  onRound?(result: RoundResult): void;
}

/** What came of a round. */
export interface RoundResult extends Account {
  readonly round: number;
  readonly limit: number;
  /** As the store has it, once every hold's time was up. */
  readonly used: number;
  readonly held: number;
  /** The most that was used and held at once. */
  readonly peak: number;
  /** Of the limit, after the rest that could be had was taken. */
  readonly utilisation: number;
  readonly killed: number;
  /** Killed processes may have taken so much in advance and used any part of it. */
  readonly unknown: number;
  readonly tookMs: number;
}

const WORKER = path.join(import.meta.dirname, "storm-worker.ts");
/** What an answer may take on a machine that does other things. */
const GRACE_MS = 500;
const MAX_LOOKS = 20;
/** What a process that is killed has noted at most, of some hundred bytes per call: it is then in the middle. */
const MOST_NOTED_BYTES = 8_192;

/** Lets several processes spend one budget at once, some of them killed, and compares the store with their logs. */
export async function runStorm(options: StormOptions): Promise<readonly RoundResult[]> {
  const directory = mkdtempSync(path.join(tmpdir(), "agentplane-storm-"));
  const results: RoundResult[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      // oxlint-disable-next-line no-await-in-loop -- one round after the other
      const result = await runRound(options, round, directory);
      options.onRound?.(result);
      results.push(result);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return results;
}

/** What is wrong with a round; empty when nothing is. */
export function faultsOf(result: RoundResult): readonly string[] {
  const { used, held, limit, low, high, utilisation, peak, late, unknown } = result;
  const faults: string[] = [];
  if (peak > limit + late) faults.push(`${peak} used and held at once, at most ${late} of it debt`);
  if (peak < used) faults.push(`a peak of ${peak} is less than what was used: nobody looked`);
  if (used > limit + late) faults.push(`overspent by ${used - limit}, at most ${late} of it debt`);
  if (held !== 0) faults.push(`${held} still held after every hold's time`);
  if (used < low || used > high + unknown)
    faults.push(`the store has ${used}, the logs say ${low} to ${high}, and ${unknown} may be unknown`);
  if (utilisation < 0.95)
    faults.push(`only ${Math.round(utilisation * 1_000) / 10} % of the budget could be used`);
  return faults;
}

async function runRound(options: StormOptions, round: number, directory: string): Promise<RoundResult> {
  const { processes = 8, kills = 2, ttlMs = 2_500, limit = 30_000 } = options;
  const beganMs = performance.now();
  const budget = {
    key: `storm:${path.basename(directory)}:${round}`,
    measure: "tokens",
    limit,
    window: { kind: "lifetime" },
  } as const;
  const all = Array.from({ length: processes }, (_, index): WorkerOrders => {
    const name = `${path.basename(directory)}:${round}:${index}`;
    const log = path.join(directory, `${round}-${index}.log`);
    closeSync(openSync(log, "a"));
    const { callers = 125, ends = "mixed", reservationsPerCaller = 1_000 } = options;
    return { store: options.store, budget, callers, log, ttlMs, name, ends, reservationsPerCaller };
  });
  const store = await openStore(options.store);
  const peak = await watchPeak(options.store, store.ledger, budget);
  try {
    const killed = await blow(all, kills);
    await wait(ttlMs + GRACE_MS);
    const { used, held } = await settled(store.ledger, budget);
    const account = accountOf(all.map(({ log }) => log));
    const rest = await drain(store.ledger, budget, all[0]?.name ?? "");
    // What nobody has used is no use.
    const utilisation = (Math.min(used, account.high) + rest) / limit;
    const unknown = killed * (options.store.takenInAdvance ?? 0);
    const tookMs = performance.now() - beganMs;
    return {
      round,
      limit,
      used,
      held,
      peak: await peak.take(),
      utilisation,
      killed,
      unknown,
      ...account,
      tookMs,
    };
  } finally {
    peak.stop();
    await store.close();
  }
}

/** A look may deal with so many holds whose time is up, and no more. */
async function settled(ledger: LedgerStore, budget: LimitSpec): Promise<LimitState> {
  let state = await ledger.read(budget);
  // oxlint-disable-next-line no-await-in-loop -- one look after the other
  for (let look = 0; state.held > 0 && look < MAX_LOOKS; look++) state = await ledger.read(budget);
  return state;
}

/** Starts every process, lets them go at once, and kills some in the middle. */
async function blow(all: readonly WorkerOrders[], kills: number): Promise<number> {
  const children = all.map(start);
  try {
    await Promise.all(children.map(async (child, index) => ready(child, all[index]!)));
    const ends = children.map(async (child) => once(child, "exit"));
    for (const child of children) child.send("go");
    const victims = children.slice(0, kills);
    await Promise.all(
      victims.map(async (child, index) => {
        await hasNoted(all[index]!.log, Math.random() * MOST_NOTED_BYTES, child);
        child.kill("SIGKILL");
      }),
    );
    const codes = await Promise.all(ends);
    const failed = codes.filter(([code, signal]) => code !== 0 && signal !== "SIGKILL");
    if (failed.length > 0) throw new Error(`${failed.length} processes of the storm failed by themselves`);
    return codes.filter(([, signal]) => signal === "SIGKILL").length;
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** Settles in the middle of a process's calls, however fast they are. */
async function hasNoted(log: string, bytes: number, child: ChildProcess): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- there is no event for it
  while (child.exitCode === null && statSync(log).size <= bytes) await wait(1);
}

function start(): ChildProcess {
  return fork(WORKER, {
    execArgv: ["--conditions=agentplane-source", "--disable-warning=ExperimentalWarning"],
  });
}

async function ready(child: ChildProcess, orders: WorkerOrders): Promise<void> {
  child.send(orders);
  const [said] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (said !== "ready") throw new Error("a process of the storm did not start");
}

/** Takes what is left in small pieces: room that nobody can have is lost. */
async function drain(ledger: LedgerStore, budget: WorkerOrders["budget"], name: string): Promise<number> {
  let taken = 0;
  for (let amount = budget.limit; amount >= 1;) {
    const id = `${name}:rest:${taken}:${amount}`;
    const items = [{ spec: budget, amount, isSoft: false, expired: "release" }] as const;
    // oxlint-disable-next-line no-await-in-loop -- each piece depends on the last
    const { isGranted } = await ledger.reserve({ id, ttlMs: 60_000, items });
    if (isGranted) taken += amount;
    else amount = Math.floor(amount / 2);
  }
  return taken;
}
