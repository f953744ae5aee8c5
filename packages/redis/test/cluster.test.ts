/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { redisState, type RedisState } from "../src/index.ts";
import { budget, rate, take } from "./limits.ts";
import { freshNamespace, openState, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

const SLOTS = 16_384;

describe.skipIf(!canStartServers)("on a cluster", () => {
  let servers: readonly PrivateServer[];
  let client: Cluster;
  let state: RedisState;
  let second: RedisState;

  beforeAll(async () => {
    servers = await startCluster();
    client = new Cluster(servers.map(({ port }) => ({ host: "127.0.0.1", port })));
    const namespace = freshNamespace();
    [state, second] = (await Promise.all(
      [1, 2].map(() => openState({ client, namespace, heartbeatMs: 200, lease: { max: 50, ttlMs: 1_000 } })),
    )) as [RedisState, RedisState];
  }, 60_000);
  afterAll(async () => {
    await Promise.all([state.close(), second.close()]);
    client.disconnect();
    await Promise.all(servers.map((server) => server.dispose()));
  });

  test("all limits of a call are taken at once: their keys share one slot", async () => {
    const [tokens, calls] = [budget("tokens"), rate("calls", 1)];
    const both = {
      ...take("both", tokens, 10),
      items: [...take("", tokens, 10).items, ...take("", calls, 1).items],
    };
    expect((await state.ledger.reserve(both)).isGranted).toBe(true);
    expect((await second.ledger.reserve({ ...both, id: "other" })).isGranted).toBe(false);
    expect((await second.ledger.read(tokens)).held).toBe(10);
    // Ended by a process that has not reserved it.
    await second.ledger.settle("both", [4]);
    expect(await state.ledger.read(tokens)).toMatchObject({ used: 4, held: 0 });
  });

  test("leases work", async () => {
    const spec = budget("leased");
    await state.ledger.reserve(take("first", spec, 1));
    expect(state.ledger.reserve(take("second", spec, 1))).toEqual({ isGranted: true, breaches: [] });
    expect((await second.ledger.read(spec)).held).toBe(50);
  });

  test("documents are written, listed and heard of by others, whichever node they are connected to", async () => {
    const seen: unknown[] = [];
    second.controls.watch<number>("p:", { changed: (key, value) => seen.push([key, value]) });
    await state.controls.update("p:a", () => 1);
    await state.controls.update("p:a", () => undefined);
    await state.controls.update("p:b", () => 2);
    await expect
      .poll(() => seen)
      .toEqual([
        ["p:a", 1],
        ["p:a", undefined],
        ["p:b", 2],
      ]);
    expect(await second.controls.list("p:")).toEqual([["p:b", 2]]);
  });

  test("calls that are admitted at once, by two processes, take their limits and leave their history as anywhere", async () => {
    const spec = rate("at once", 30);
    const admit = async (of: RedisState, id: string): Promise<boolean> => {
      const answered = await of.admit?.({
        reserve: take(id, spec, 1),
        changes: [
          { collection: "admissions", key: `call ${id}`, change: () => ({ id }) },
          { collection: "sessions", key: "at once", change: (old) => [...((old ?? []) as string[]), id] },
        ],
      });
      return answered?.isAdmitted === true;
    };
    const ids = Array.from({ length: 40 }, (_, at) => `é\u0000{x}🙂 ${at}`);
    const admitted = await Promise.all(ids.map(async (id, at) => admit(at % 2 === 0 ? state : second, id)));
    expect(admitted.filter(Boolean)).toHaveLength(30);
    const history = await state.sessions.read<readonly string[]>("at once");
    expect(history?.toSorted()).toEqual(ids.filter((_, at) => admitted[at]).toSorted());
    expect((await second.ledger.read(spec)).used).toBe(30);
  });

  test("what was heard is confirmed", async () => {
    let [confirmed, missed] = [0, 0];
    second.approvals.watch("", {
      changed: () => undefined,
      confirmed: () => void confirmed++,
      missed: () => void missed++,
    });
    await pause(700);
    expect(confirmed).toBeGreaterThan(0);
    expect(missed).toBe(0);
  });

  test("a URL of one node tells what to give instead", async () => {
    const url = servers[0]?.url ?? "";
    const states = Array.from({ length: 12 }, (_, at) =>
      redisState({ url, namespace: `moved${at}`, ports: { logger: silentLogger } }),
    );
    const outcomes = await Promise.allSettled(states.map(async ({ ledger }) => ledger.read(budget("x"))));
    const [moved] = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    expect(moved?.message).toContain("new Cluster(");
    await Promise.all(states.map((one) => one.close()));
  });
});

/** Three masters on this machine. */
async function startCluster(): Promise<readonly PrivateServer[]> {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
  const servers = await Promise.all([1, 2, 3].map(() => startServer(settings)));
  const clients = servers.map(({ url }) => new Redis(url));
  for (const [index, client] of clients.entries()) {
    const share = Math.ceil(SLOTS / clients.length);
    await client.cluster("ADDSLOTSRANGE", index * share, Math.min(SLOTS, (index + 1) * share) - 1);
    await client.cluster("SET-CONFIG-EPOCH", index + 1);
  }
  for (const { port } of servers.slice(1)) await clients[0]?.cluster("MEET", "127.0.0.1", port);
  const isReady = async (client: Redis): Promise<boolean> => {
    const info = await client.cluster("INFO");
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${clients.length}`);
  };
  for (const client of clients) while (!(await isReady(client))) await pause(50);
  for (const client of clients) client.disconnect();
  return servers;
}
