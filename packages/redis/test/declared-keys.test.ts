/* oxlint-disable no-await-in-loop -- commands are looked at in their order */
import { createHash } from "node:crypto";

import type { LimitSpec, ReserveItem } from "@agentplane/core";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { REVISIONS, UPDATE } from "../src/lua/document-scripts.ts";
import * as ledgerScripts from "../src/lua/ledger-scripts.ts";
import { budget, rate } from "./limits.ts";
import { freshNamespace, openState, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";

/** A command that a script ran, beside the keys that the script was given. */
interface Inner {
  readonly script: string;
  readonly keys: readonly string[];
  readonly command: readonly string[];
}

const NAMED = { ...ledgerScripts, REVISIONS, UPDATE };
const SCRIPTS = Object.values(NAMED);
const nameOf = new Map(
  Object.entries(NAMED).map(([name, { lua }]) => [createHash("sha1").update(lua).digest("hex"), name]),
);
const LIMITS: readonly LimitSpec[] = [
  budget("for ever"),
  rate("every call"),
  { key: "buckets", measure: "calls", limit: 5_000, window: { kind: "sliding", windowMs: 600 } },
  {
    key: "day",
    measure: "tokens",
    limit: 900,
    window: { kind: "calendar", unit: "day", timeZone: "Asia/Tokyo" },
  },
];

// A cluster refuses a key of another slot. One of the same slot it lets through: only who looks sees it.
describe.skipIf(!canStartServers)("the keys that a script touches", () => {
  let server: PrivateServer;
  let client: Redis;
  let monitor: Redis;
  const inner: Inner[] = [];
  const ran = new Set<string>();

  beforeAll(async () => {
    server = await startServer();
    client = new Redis(server.url);
    // Called by digest from the first time on, so that each can be named.
    for (const { lua } of SCRIPTS) await client.script("LOAD", lua);
    monitor = await client.monitor();
    let script = "";
    let keys: readonly string[] = [];
    monitor.on("monitor", (_time: string, command: readonly string[], source: string) => {
      const [name = "", sha = "", count = "0", ...rest] = command;
      if (source === "lua") inner.push({ script, keys, command });
      if (source === "lua" || !/^eval/i.test(name)) return;
      script = nameOf.get(sha) ?? `a script that nobody loaded (${name})`;
      keys = rest.slice(0, Number(count));
      ran.add(script);
    });
  });
  afterAll(async () => {
    monitor.disconnect();
    client.disconnect();
    await server.dispose();
  });

  test("are all among those it was given", async () => {
    await useEverything(server.url);
    await pause(100);
    expect([...ran].toSorted()).toEqual(Object.keys(NAMED).toSorted());
    const undeclared: string[] = [];
    let looked = 0;
    for (const { script, keys, command } of inner) {
      const touched = await keysOf(client, command);
      looked += touched.length;
      for (const key of touched) if (!keys.includes(key)) undeclared.push(`${script}: ${command[0]} ${key}`);
    }
    expect(undeclared).toEqual([]);
    expect(looked).toBeGreaterThan(200);
  });
});

/** As the server itself says; none for commands without keys. */
async function keysOf(client: Redis, command: readonly string[]): Promise<readonly string[]> {
  // One without arguments it does not take.
  if (command.length === 1) return [];
  try {
    const keys = await client.call("COMMAND", "GETKEYS", ...command);
    return Array.isArray(keys) ? keys.map(String) : [];
  } catch (error) {
    if (error instanceof Error && /no key arguments/i.test(error.message)) return [];
    throw error;
  }
}

/** Everything that is ever asked of the store, by three processes. */
async function useEverything(url: string): Promise<void> {
  const namespace = freshNamespace();
  const own = { url, namespace, heartbeatMs: 100 };
  const [state, other, leased] = await Promise.all([
    openState(own),
    openState(own),
    openState({ ...own, lease: { max: 50, ttlMs: 1_000 } }),
  ]);
  const items = (expired: ReserveItem["expired"], isSoft = false): readonly ReserveItem[] =>
    LIMITS.map((spec) => ({ spec, amount: 1, isSoft, expired }));
  for (const expired of ["charge", "release"] as const) {
    for (const { ledger } of [state, leased]) {
      const id = `${expired} ${ledger === state.ledger ? "state" : "leased"}`;
      await ledger.probe({ id, ttlMs: 60_000, items: items(expired) });
      await ledger.reserve({ id, ttlMs: 60_000, items: items(expired) });
      await ledger.reserve({ id, ttlMs: 60_000, items: items(expired, true) });
      await ledger.renew(id, 60_000);
      // By a process that has to ask what it holds.
      await other.ledger.renew(id, 50_000);
      await (expired === "charge" ? other.ledger.settle(id, [3, 1, 1, 4]) : other.ledger.release(id));
      await ledger.reserve({ id: `${id} left`, ttlMs: 50, items: items(expired) });
    }
  }
  const [leasable] = items("charge");
  for (let call = 0; call < 3; call++)
    await leased.ledger.reserve({ id: `leased ${call}`, ttlMs: 60_000, items: [leasable!] });
  for (const spec of LIMITS) {
    await state.ledger.grant(spec, 5);
    await state.ledger.read(spec);
  }
  for (const store of [state, leased]) {
    const id = `admitted ${store === state ? "state" : "leased"}`;
    const changes = (["sessions", "admissions"] as const).map((collection) => ({
      collection,
      key: id,
      change: (old: unknown) => Number(old ?? 0) + 1,
    }));
    await store.admit?.({ reserve: { id, ttlMs: 60_000, items: items("charge") }, changes });
    await store.ledger.settle(id, [1, 1, 1, 1]);
    // Together, of which not all fit, one for the second time.
    const ids = [1, 2, 3, 4, 5].map((at) => `${id} ${at}`).concat(id);
    const admit = async (one: string): Promise<unknown> =>
      store.admit?.({ reserve: { id: one, ttlMs: 60_000, items: items("release") }, changes });
    const answers = await Promise.all(ids.map(admit));
    expect(answers).toContainEqual({ isAdmitted: true });
    expect(answers).toContainEqual(expect.objectContaining({ isAdmitted: false }));
    for (const one of ids) await store.ledger.release(one);
  }
  // Holds expire, windows pass, leases are exchanged.
  await pause(700);
  for (const { ledger } of [state, other, leased]) {
    for (const spec of LIMITS) await ledger.read(spec);
    await ledger.settle("charge state left", [9, 1, 1, 9]);
    await ledger.reserve({ id: "charge state left", ttlMs: 60_000, items: items("charge") });
  }
  for (const { key } of LIMITS) await state.ledger.reset(key);
  for (const ttlMs of [undefined, 30]) {
    const options = ttlMs === undefined ? {} : { ttlMs };
    for (const collection of [state.controls, state.sessions]) {
      await collection.update("a", () => 1, options);
      await collection.update("a", () => 2, options);
      await collection.list("");
      await collection.update("b", () => "x".repeat(10_000), options);
      await pause(60);
      await collection.update("a", () => undefined);
      await collection.update("c", () => 1, options);
    }
  }
  for (const one of [leased, other, state]) await one.close();
}
