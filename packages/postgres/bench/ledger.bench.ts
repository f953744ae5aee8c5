// What the ledger and the audit trail do on a server, beside one conditional UPDATE per call on the same server.
import { cpus } from "node:os";

import type { LimitSpec } from "@agentplane/core";
import { Pool } from "pg";

import { postgresAudit, postgresState } from "../src/index.ts";

const RUN_MS = Number(process.env["BENCH_MS"] ?? 3_000);
const schema = "agentplane_bench";
const pool = new Pool({
  connectionString: process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/test",
  max: 16,
});
await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
const state = postgresState({ pool, schema });
const audit = postgresAudit({ pool, schema });
await state.ledger.reset("installs");
await pool.query(`CREATE TABLE ${schema}.plain (id text PRIMARY KEY, used bigint, held bigint, lim bigint);
  INSERT INTO ${schema}.plain SELECT 'limit ' || i, 0, 0, 1e15::bigint FROM generate_series(0, 63) i`);

function limitOf(index: number): LimitSpec {
  return {
    key: `limit ${index}`,
    measure: "tokens",
    limit: 1e15,
    window: { kind: "sliding", windowMs: 3_600_000 },
  };
}

let count = 0;

/** Reserve and settle of one call with so many limits, out of so many keys. */
function governed(limits: number, keys: number): () => Promise<void> {
  return async () => {
    const number = count++;
    const items = Array.from({ length: limits }, (_, index) => ({
      spec: limitOf((number + index) % keys),
      amount: 5,
      isSoft: false,
      expired: "charge" as const,
    }));
    await state.ledger.reserve({ id: `call ${number}`, ttlMs: 60_000, items });
    await state.ledger.settle(`call ${number}`, []);
  };
}

/** The least a ledger could do: hold, then charge. */
function plain(keys: number): () => Promise<void> {
  return async () => {
    const key = [`limit ${count++ % keys}`];
    const table = `${schema}.plain`;
    await pool.query(`UPDATE ${table} SET held = held + 5 WHERE id = $1 AND used + held + 5 <= lim`, key);
    await pool.query(`UPDATE ${table} SET held = held - 5, used = used + 5 WHERE id = $1`, key);
  };
}

async function durable(): Promise<void> {
  const { length } = "a record of about the usual length".repeat(8);
  await audit.append(
    { kind: "control", at: Date.now(), action: "bench", by: "bench", subject: "x".repeat(length) },
    "durable",
  );
}

async function measure(name: string, work: () => Promise<void>, callers: number): Promise<void> {
  const times: number[] = [];
  const began = performance.now();
  const call = async (): Promise<void> => {
    while (performance.now() - began < RUN_MS) {
      const start = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one caller makes one call at a time
      await work();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const tookS = (performance.now() - began) / 1_000;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  console.info(`| ${name} | ${callers} | ${at(0.5)} | ${at(0.99)} | ${Math.round(times.length / tookS)} |`);
}

console.info(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n`);
console.info("| work | in flight | p50 ms | p99 ms | per second |\n| --- | --- | --- | --- | --- |");
const works: readonly (readonly [string, () => Promise<void>])[] = [
  ["two plain UPDATEs, one row", plain(1)],
  ["reserve + settle, one limit of one key", governed(1, 1)],
  ["two plain UPDATEs, 64 rows", plain(64)],
  ["reserve + settle, one limit of 64 keys", governed(1, 64)],
  ["reserve + settle, 4 limits of 64 keys", governed(4, 64)],
  ["audit, durable", durable],
];
for (const [name, work] of works) {
  for (const callers of [1, 256]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await measure(name, work, callers);
  }
}
await audit.close();
await state.close();
await pool.query(`DROP SCHEMA ${schema} CASCADE`);
await pool.end();
