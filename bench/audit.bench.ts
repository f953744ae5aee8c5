// The audit trail in files: chained and durable with 256 records in flight, beside one fdatasync per line; then verified.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import type { AuditRecord } from "@agentplane/core";
import { jsonlSink, verifyDirectory } from "@agentplane/core/node";

import { record } from "./audit-workload.ts";
import { median, printMachine, report } from "./report.ts";
import { slowness } from "./slowness.ts";

const RECORDS = 60_000;
/** The first round warms up the code; of the others the quickest counts, because noise only ever takes time. */
const ROUNDS = 4;
const IN_FLIGHT = 256;
const LINES_ONE_BY_ONE = 300;

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "agentplane-audit-bench-"));
const trail = path.join(directory, "trail");

async function durablePerSecond(records: readonly AuditRecord[]): Promise<number> {
  const sink = jsonlSink({ directory: trail });
  const from = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < records.length) {
      // oxlint-disable-next-line no-await-in-loop -- each lane waits for the disk, as a durable call does
      await sink.append(records[next++]!, "durable");
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const perSecond = records.length / ((performance.now() - from) / 1_000);
  await sink.close();
  return perSecond;
}

/** Lines verified per second, of which the trail has so many. */
async function verifiedPerSecond(lines: number): Promise<number> {
  const from = performance.now();
  const verified = await verifyDirectory(trail);
  const perSecond = lines / ((performance.now() - from) / 1_000);
  if (!verified.ok || verified.sealed !== lines)
    throw new Error(`the trail is not whole: ${JSON.stringify(verified.firstBad)}`);
  return perSecond;
}

/** The rounds that count. */
async function rounds<T>(measure: () => Promise<T>): Promise<readonly T[]> {
  const measured: T[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  for (let round = 0; round < ROUNDS; round++) measured.push(await measure());
  return measured.slice(1);
}

/** What a trail costs that syncs every line by itself. */
function oneByOnePerSecond(lines: readonly string[]): number {
  const file = fs.openSync(path.join(directory, "one-by-one.jsonl"), "a");
  const from = performance.now();
  for (const line of lines) {
    fs.writeSync(file, `${line}\n`);
    fs.fdatasyncSync(file);
  }
  const perSecond = lines.length / ((performance.now() - from) / 1_000);
  fs.closeSync(file);
  return perSecond;
}

try {
  const records = Array.from({ length: RECORDS }, (_, at) => record(at));
  const lines = records.slice(0, LINES_ONE_BY_ONE).map((one) => JSON.stringify(one));
  // Beside each other, so that what else the disk does slows both.
  const written = await rounds(async () => {
    const durable = await durablePerSecond(records);
    return { durable, ratio: durable / oneByOnePerSecond(lines) };
  });
  const durable = Math.max(...written.map((round) => round.durable));
  const verified = Math.max(...(await rounds(async () => verifiedPerSecond(RECORDS * ROUNDS))));
  printMachine();
  report(
    [
      {
        name: `durable records per second, ${IN_FLIGHT} in flight`,
        measured: durable,
        goal: 90_000,
        limit: 5_000,
        sense: "atLeast",
      },
      {
        name: "the same / one fdatasync per line",
        measured: median(written.map(({ ratio }) => ratio)),
        goal: 20,
        limit: 3,
        sense: "atLeast",
      },
      {
        name: "lines verified per second",
        measured: verified,
        goal: 500_000,
        limit: 50_000,
        sense: "atLeast",
        isOfWork: true,
      },
    ],
    await slowness(),
  );
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
