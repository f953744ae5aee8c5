import { openSync, writeSync } from "node:fs";
import { once } from "node:events";
import { setImmediate as nextTurn, setTimeout as wait } from "node:timers/promises";

import { andThen, isThenable, type MaybePromise } from "../../src/base/maybe-promise.ts";
import type { AdmissionChange, StoreAdmissionAnswer } from "../../src/store/state-store.ts";
import { openStore, type LogLine, type WorkerOrders } from "./storm-plan.ts";

// One process of a storm: many callers at once spend one budget, with aborts, retries and calls that are left behind. Half
// of them are admitted as a governed call is, documents and limits in one step.
// Started with an IPC channel; takes its orders as the first message and begins at the second.

const MAX_AMOUNT = 40;
/** A caller that is refused so often in a row believes that the budget is spent. */
const MAX_REFUSALS = 3;

const [orders] = (await once(process, "message")) as [WorkerOrders];
const log = openSync(orders.log, "a");
const store = await openStore(orders.store);
const begun = once(process, "message");
process.send?.("ready");
await begun;
await Promise.all(Array.from({ length: orders.callers }, async (_, caller) => makeCalls(caller)));
await store.close();
process.disconnect();

async function makeCalls(caller: number): Promise<void> {
  let refusals = 0;
  for (let count = 0; count < orders.reservationsPerCaller && refusals < MAX_REFUSALS; count++) {
    const id = `${orders.name}:${caller}:${count}`;
    const amount = 1 + Math.floor(Math.random() * MAX_AMOUNT);
    const expired = Math.random() < 0.5 ? "charge" : "release";
    const startedMs = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one caller does one thing at a time
    const isGranted = await reserve({ id, amount, expired, caller });
    refusals = isGranted ? 0 : refusals + 1;
    const isLate = (): boolean => performance.now() - startedMs > orders.ttlMs;
    // oxlint-disable-next-line no-await-in-loop
    if (isGranted && orders.ends === "mixed") await end({ id, amount, expired, isLate });
  }
}

interface Wish extends Pick<Call, "id" | "amount" | "expired"> {
  readonly caller: number;
}

async function reserve({ id, amount, expired, caller }: Wish): Promise<boolean> {
  const request = {
    id,
    ttlMs: orders.ttlMs,
    items: [{ spec: orders.budget, amount, isSoft: false, expired }],
  } as const;
  const isWhole = Math.random() < 0.5;
  const take = (): MaybePromise<boolean> =>
    isWhole && store.admit !== undefined
      ? andThen(store.admit({ reserve: request, changes: changesOf(id, caller) }), isAdmittedBy)
      : andThen(store.ledger.reserve(request), ({ isGranted }) => isGranted);
  note(["reserving", id, amount, expired]);
  const answer = take();
  // Noted in the same turn where it can be: a process that is killed is then in the middle of one call at most.
  const isGranted = isThenable(answer) ? await answer : answer;
  // A retry of a call whose answer was lost.
  if (isGranted && Math.random() < 0.1) {
    const again = take();
    if (isThenable(again)) await again;
  }
  note([isGranted ? "granted" : "refused", id, amount, expired]);
  return isGranted;
}

/** What a governed call writes with what it takes: itself, and a history that callers share, now and then all processes. */
function changesOf(id: string, caller: number): readonly AdmissionChange[] {
  const session = Math.random() < 0.05 ? "of all" : `${orders.name}:${caller % 4}`;
  const more = (old: unknown): unknown => Number(old ?? 0) + 1;
  return [
    { collection: "admissions", key: id, change: more, ttlMs: 60_000 },
    { collection: "sessions", key: session, change: more, ttlMs: 60_000 },
  ];
}

function isAdmittedBy(answer: StoreAdmissionAnswer): boolean {
  if (!answer.isAdmitted && answer.reservation === undefined)
    throw new Error("an admission was called off that nobody called off");
  return answer.isAdmitted;
}

/** A call that runs. */
interface Call {
  readonly id: string;
  readonly amount: number;
  readonly expired: LogLine[3];
  /** Whether its time may be up. */
  isLate(): boolean;
}

async function end(call: Call): Promise<void> {
  const { ledger } = store;
  const { id, amount } = call;
  await (Math.random() < 0.2 ? wait(Math.random() * 20) : nextTurn());
  const fate = Math.random();
  // Left behind, as by a process that died: its time ends it.
  if (fate < 0.03) return;
  if (fate < 0.2) return twice(call, ["releasing", "released"], () => ledger.release(id));
  const actual = Math.floor(Math.random() * (amount + 1));
  await twice({ ...call, amount: actual }, ["settling", "settled"], () => ledger.settle(id, [actual]));
}

/** Ends a call, now and then twice. */
async function twice(
  call: Call,
  [begins, is]: readonly [LogLine[0], LogLine[0]],
  act: () => MaybePromise<void>,
): Promise<void> {
  const { id, amount, expired, isLate } = call;
  note([begins, id, amount, expired]);
  const done = act();
  if (isThenable(done)) await done;
  if (Math.random() < 0.1) {
    const again = act();
    if (isThenable(again)) await again;
  }
  // What was given back in its time was had by others meanwhile; what was charged then is no more.
  if (is === "settled" && expired === "release" && isLate()) note(["late", id, amount, expired]);
  note([is, id, amount, expired]);
}

/** Written before anything else happens, so that a process that is killed has said how far it was. */
function note(line: LogLine): void {
  writeSync(log, `${JSON.stringify(line)}\n`);
}
