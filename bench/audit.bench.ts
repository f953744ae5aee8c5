// The audit trail in files: chained and durable with 256 records in flight, beside one fdatasync per line; then verified.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { verifyLines, type AuditRecord } from "@agentplane/core";
import { jsonlSink } from "@agentplane/core/node";

import { hash, record } from "./audit-workload.ts";
import { printMachine, report } from "./report.ts";

const RECORDS = 60_000;
const IN_FLIGHT = 256;
const LINES_ONE_BY_ONE = 300;

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "agentplane-audit-bench-"));

async function durablePerSecond(records: readonly AuditRecord[]): Promise<number> {
  const sink = jsonlSink({ directory: path.join(directory, "trail") });
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
  const durable = await durablePerSecond(records);
  const trail = path.join(directory, "trail");
  const files = fs.readdirSync(trail).filter((name) => name.endsWith(".jsonl"));
  const lines = files
    .toSorted()
    .flatMap((name) => fs.readFileSync(path.join(trail, name), "utf8").trimEnd().split("\n"));
  const from = performance.now();
  const verified = verifyLines(lines, hash);
  const verifyPerSecond = lines.length / ((performance.now() - from) / 1_000);
  if (!verified.ok || lines.length !== RECORDS)
    throw new Error(`the trail is not whole: ${JSON.stringify(verified.firstBad)}`);
  const oneByOne = oneByOnePerSecond(lines.slice(0, LINES_ONE_BY_ONE));
  printMachine();
  report([
    {
      name: `durable records per second, ${IN_FLIGHT} in flight`,
      measured: durable,
      goal: 90_000,
      limit: 5_000,
      sense: "atLeast",
    },
    {
      name: "the same / one fdatasync per line",
      measured: durable / oneByOne,
      goal: 20,
      limit: 3,
      sense: "atLeast",
    },
    {
      name: "lines verified per second",
      measured: verifyPerSecond,
      goal: 500_000,
      limit: 50_000,
      sense: "atLeast",
    },
  ]);
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
