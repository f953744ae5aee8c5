import { fork, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Redis } from "ioredis";

import type { LeaseOptions } from "../src/index.ts";
import { budget, take } from "./limits.ts";
import { dropNamespace, freshNamespace, openState, pause } from "./open-state.ts";

/** What one process of a storm is told. */
export interface StormTask {
  readonly name: string;
  readonly url: string;
  readonly namespace: string;
  readonly limit: number;
  readonly lease: LeaseOptions | undefined;
  readonly callers: number;
  readonly holdTtlMs: number;
  readonly logPath: string;
}

/** How hard a round is. */
export interface StormOptions {
  readonly url: string;
  readonly processes: number;
  /** Callers at once in each process. */
  readonly callers: number;
  readonly limit: number;
  /** How many processes are killed in the middle; another takes the place of each. */
  readonly kills: number;
  readonly lease?: LeaseOptions;
}

/** What a round has come to, after every hold and lease has had its time. */
export interface StormReport {
  readonly limit: number;
  /** The most that was ever used and held at once. */
  readonly peak: number;
  readonly used: number;
  readonly held: number;
  /** What was held by calls that ended after their time: so much may be debt. */
  readonly late: number;
  /** What the callers have really settled. */
  readonly settled: number;
  /** What could be spent of the limit in the end, really used. */
  readonly utilisation: number;
  readonly calls: number;
}

const SETTLING_LOOKS = 20;
const HOLD_TTL_MS = 4_000;

/** Lets many callers of many processes loose on one budget, kills some of them, and does the accounts afterwards. */
export async function runStormRound(options: StormOptions): Promise<StormReport> {
  const { url, limit, lease } = options;
  const directory = await mkdtemp(join(tmpdir(), "agentplane-storm-"));
  const namespace = freshNamespace();
  const observer = await openState({ url, namespace });
  const spec = budget("storm", limit);
  const logs: string[] = [];
  const start = (): ChildProcess => {
    const name = `w${logs.length}`;
    logs.push(join(directory, name));
    return startWorker({
      ...options,
      lease,
      name,
      namespace,
      holdTtlMs: HOLD_TTL_MS,
      logPath: join(directory, name),
    });
  };
  const running = Array.from({ length: options.processes }, start);
  const ready = running.map(readiness);
  const ended = running.map(ending);
  let peak = 0;
  const look = async (): Promise<void> => {
    const { used, held } = await observer.ledger.read(spec);
    peak = Math.max(peak, used + held);
  };
  const looking = setInterval(() => void look(), 10);
  for (let kill = 0; kill < options.kills; kill++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, in the middle of its calls
    await ready[kill];
    // oxlint-disable-next-line no-await-in-loop
    await pause(50 + Math.random() * 200);
    running[kill]?.kill("SIGKILL");
    ended.push(ending(start()));
  }
  await Promise.all(ended);
  clearInterval(looking);
  await pause(HOLD_TTL_MS + (lease?.ttlMs ?? 0) + 100);
  // Each look deals with a thousand holds whose time is up.
  // oxlint-disable-next-line no-await-in-loop
  for (let count = 0; count < SETTLING_LOOKS; count++) await observer.ledger.read(spec);
  const { used, held } = await observer.ledger.read(spec);
  const { settled, calls, late } = await settledBy(logs, { url, namespace });
  const rest = await observer.ledger.reserve(take("rest", spec, limit - used - held));
  await observer.close();
  await dropNamespace(namespace, url);
  await rm(directory, { recursive: true });
  const utilisation = (settled + (rest.isGranted ? limit - used - held : 0)) / limit;
  return { limit, peak, used, held, late, settled, utilisation, calls };
}

function startWorker(task: StormTask): ChildProcess {
  const path = fileURLToPath(new URL("processes/storm-worker.ts", import.meta.url));
  return fork(path, [JSON.stringify(task)], { execArgv: ["--conditions=agentplane-source"] });
}

function readiness(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("message", () => resolve());
    child.once("exit", () => resolve());
  });
}

function ending(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code, signal) => {
      if (code === 0 || signal === "SIGKILL") resolve();
      else reject(new Error(`a process of the storm ended with ${code ?? signal}`));
    });
  });
}

/**
 * What was settled, by the processes' own logs. Of a settlement that a kill interrupted the server tells: the hold of
 * one that was done is gone, that of one that was not stays for its late end.
 */
async function settledBy(
  logs: readonly string[],
  { url, namespace }: { readonly url: string; readonly namespace: string },
): Promise<{ readonly settled: number; readonly calls: number; readonly late: number }> {
  const begun = new Map<string, number>();
  let [settled, calls, late] = [0, 0, 0];
  for (const text of await Promise.all(logs.map((path) => readFile(path, "utf8")))) {
    for (const [word, id = "", actual] of text.split("\n").map((line) => line.split(" "))) {
      if (word === "late") late += Number(actual);
      if (word === "begin") begun.set(id, Number(actual));
      if (word !== "end") continue;
      settled += begun.get(id) ?? Number.NaN;
      calls++;
      begun.delete(id);
    }
  }
  const client = new Redis(url);
  for (const [id, actual] of begun) {
    // oxlint-disable-next-line no-await-in-loop -- few
    if ((await client.exists(`{${namespace}}:hold:${id}`)) === 0) settled += actual;
  }
  client.disconnect();
  return { settled, calls, late };
}
