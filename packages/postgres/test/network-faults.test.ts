import { setTimeout } from "node:timers/promises";

import {
  createAgentPlane,
  rule,
  type LimitSpec,
  type LimitState,
  type Reservation,
  type ReserveRequest,
  type StateStore,
} from "@agentplane/core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { auditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit } from "../src/audit/postgres-audit.ts";
import { postgresState } from "../src/postgres-state.ts";
import { openNetwork, type Network } from "./network.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

const BUDGET: LimitSpec = { key: "b", measure: "tokens", limit: 1_000_000, window: { kind: "lifetime" } };
const RATE: LimitSpec = {
  key: "r",
  measure: "calls",
  limit: 1_000,
  window: { kind: "sliding", windowMs: 3_600_000 },
};
const TIMEOUT_MS = 600;

describe.skipIf(!canStartServers)("a network that fails", () => {
  let server: PrivateServer;
  let network: Network;
  let schema = "";
  let store: StateStore;
  /** Looks at the ledger past the network. */
  let witness: StateStore;
  const through = (): string => `postgres://postgres@127.0.0.1:${network.port}/postgres`;
  const requestOf = (id: string, amount = 10): ReserveRequest => ({
    id,
    ttlMs: 600_000,
    items: [
      { spec: BUDGET, amount, isSoft: false, expired: "charge" },
      { spec: RATE, amount: 1, isSoft: false, expired: "charge" },
    ],
  });
  const reserve = async (id: string): Promise<Reservation> => store.ledger.reserve(requestOf(id));
  const settle = async (id: string, amount: number): Promise<void> => store.ledger.settle(id, [amount]);
  const account = async (): Promise<readonly [used: number, held: number, calls: number]> => {
    const [{ used, held }, calls] = await Promise.all([
      witness.ledger.read(BUDGET),
      witness.ledger.read(RATE),
    ]);
    return [used, held, calls.used];
  };

  beforeAll(async () => {
    server = await PrivateServer.create();
  }, 60_000);
  afterAll(() => server.destroy());
  beforeEach(async () => {
    schema = `n${Math.random().toString(36).slice(2)}`;
    network = await openNetwork(server.port);
    const ports = { logger: QUIET };
    witness = postgresState({ connectionString: server.url, schema, ports });
    store = postgresState({ connectionString: through(), schema, timeoutMs: TIMEOUT_MS, pollMs: 100, ports });
    // Installed, connected, and with the server's clock known.
    await witness.ledger.read(BUDGET);
    const isWarm = (): Promise<boolean> =>
      reserve("warm")
        .then(({ isGranted }) => isGranted)
        .catch(() => false);
    // oxlint-disable-next-line no-await-in-loop -- a first connection may take longer than a call may
    while (!(await isWarm())) await setTimeout(50);
    await store.ledger.release("warm");
    return async () => {
      await store.close();
      network.close();
      await witness.close();
    };
  });

  test("a reservation that was taken and not answered is given back by itself", async () => {
    network.loseAnswers();
    const lost = reserve("lost");
    await expect.poll(account).toEqual([0, 10, 1]);
    await expect(lost).rejects.toMatchObject({ code: "state_failed" });
    await expect.poll(account, { timeout: 8_000 }).toEqual([0, 0, 0]);
  });

  test("a reservation made again after its answer was lost is counted once", async () => {
    network.loseAnswers();
    await expect(reserve("again")).rejects.toMatchObject({ code: "state_failed" });
    await expect
      .poll(() => reserve("again").catch(() => undefined), { timeout: 5_000 })
      .toEqual({ isGranted: true, breaches: [] });
    await setTimeout(3 * TIMEOUT_MS);
    expect(await account()).toEqual([0, 10, 1]);
    await settle("again", 4);
    expect(await account()).toEqual([4, 0, 1]);
  });

  test("a call that was admitted and not answered does not run, holds nothing, and may come again", async () => {
    const policies = [
      { id: "p", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "agent" })] },
    ];
    const plane = createAgentPlane({ state: store, policies, stateTimeout: "1s", ports: { logger: QUIET } });
    await plane.ready();
    const call = (callId: string) =>
      ({
        hookpoint: "before_model_call",
        agent: "a",
        session: "s",
        callId,
        model: { name: "m", messages: [{ role: "user", content: "hello" }] },
      }) as const;
    const tokens = async (): Promise<LimitState | undefined> => {
      const [found] = await plane.limits.read({ policyId: "p", ruleId: "tokenBudget", agent: "a" });
      return found;
    };
    // Everything is connected and known to the server.
    await plane.engine.evaluate(call("before"));
    const before = await tokens();
    expect(before?.held).toBe(0);
    network.loseAnswers();
    expect((await plane.engine.decide(call("lost"))).cause).toBe("state_error");
    await expect.poll(() => tokens().catch(() => undefined), { timeout: 8_000 }).toEqual(before);
    await expect
      .poll(async () => (await plane.engine.decide(call("lost"))).effect, { timeout: 10_000 })
      .toBe("allow");
    expect((await tokens())?.held).toBe(before?.used);
  });

  test("calls that were admitted together and not answered hold nothing, and may come again", async () => {
    const changes = [
      { collection: "sessions", key: "s", change: (old: unknown) => Number(old ?? 0) + 1 },
    ] as const;
    const admitAll = async (): Promise<readonly unknown[]> => {
      const ids = Array.from({ length: 5 }, (_, at) => `together ${at}`);
      const answers = await Promise.allSettled(
        ids.map(async (id) => store.admit?.({ reserve: requestOf(id), changes })),
      );
      return answers.map((one) => one.status === "fulfilled" && one.value?.isAdmitted);
    };
    network.loseAnswers();
    expect(await admitAll()).toEqual(Array.from({ length: 5 }, () => false));
    await expect.poll(account, { timeout: 8_000 }).toEqual([0, 0, 0]);
    expect(await witness.sessions.read("s")).toBe(5);
    await expect.poll(admitAll, { timeout: 10_000 }).toEqual(Array.from({ length: 5 }, () => true));
    expect((await account())[1]).toBe(50);
  });

  test("a settlement that was done and not answered is charged once", async () => {
    await reserve("a");
    network.loseAnswers();
    await expect(settle("a", 7)).rejects.toMatchObject({ code: "state_failed" });
    expect(await account()).toEqual([7, 0, 1]);
    // Told again, by itself and by whoever retries.
    await settle("a", 7);
    await setTimeout(3 * TIMEOUT_MS);
    expect(await account()).toEqual([7, 0, 1]);
  });

  test("a reservation that arrives after its caller has given up takes nothing", async () => {
    network.holdRequests();
    await expect(reserve("late")).rejects.toMatchObject({ code: "state_failed" });
    // Given back over another connection, as far as anybody can know.
    await setTimeout(3 * TIMEOUT_MS);
    network.deliver();
    await setTimeout(300);
    expect(await account()).toEqual([0, 0, 0]);
  });

  /** Reservations that are held up on the way when their connections break: they are sent again, and may arrive twice. */
  const heldUp = async (ids: readonly string[]) => {
    const patient = postgresState({
      connectionString: through(),
      schema,
      timeoutMs: 4_000,
      ports: { logger: QUIET },
    });
    // A connection for each, so that none goes with another.
    await Promise.all(ids.map(async () => patient.ledger.read(BUDGET)));
    network.holdRequests();
    const reserved = Promise.all(ids.map(async (id) => patient.ledger.reserve(requestOf(id))));
    await setTimeout(50);
    network.hangUp();
    expect((await reserved).every(({ isGranted }) => isGranted)).toBe(true);
    return patient;
  };

  test(
    "a reservation that arrives a second time after its call has ended is given back",
    { timeout: 30_000 },
    async () => {
      const patient = await heldUp(["late"]);
      await patient.ledger.settle("late", [4]);
      expect(await account()).toEqual([4, 0, 1]);
      network.deliver();
      await expect.poll(account, { interval: 5 }).toEqual([4, 10, 2]);
      await expect.poll(account, { timeout: 12_000 }).toEqual([4, 0, 1]);
      await patient.close();
    },
  );

  test(
    "one that arrives a second time while its call runs is not given back, when another is that has ended",
    { timeout: 30_000 },
    async () => {
      const patient = await heldUp(["runs", "ended"]);
      await patient.ledger.settle("ended", [4]);
      expect(await account()).toEqual([4, 10, 2]);
      network.deliver();
      await expect.poll(account, { interval: 5 }).toEqual([4, 20, 3]);
      // Both are told of, one after the other: of the one that has ended, what it took last goes.
      await expect.poll(account, { timeout: 12_000 }).toEqual([4, 10, 2]);
      await setTimeout(1_500);
      expect(await account()).toEqual([4, 10, 2]);
      await patient.ledger.settle("runs", [5]);
      expect(await account()).toEqual([9, 0, 2]);
      await patient.close();
    },
  );

  test("an end that arrives late does not end the call that was made again meanwhile", async () => {
    await reserve("open");
    network.holdRequests();
    await expect(store.ledger.release("open")).rejects.toMatchObject({ code: "state_failed" });
    expect((await reserve("open")).isGranted).toBe(true);
    await setTimeout(2 * TIMEOUT_MS);
    network.deliver();
    await setTimeout(300);
    expect(await account()).toEqual([0, 10, 1]);
  });

  test("a pulled cable fails calls within their deadline, and they go on by themselves when it is back", async () => {
    await reserve("before");
    network.swallow();
    const began = performance.now();
    const lost = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, index) => reserve(`lost ${index}`)),
      settle("before", 3),
      store.controls.read("plug"),
    ]);
    expect(lost.filter(({ status }) => status === "fulfilled")).toEqual([]);
    expect(performance.now() - began).toBeLessThan(3 * TIMEOUT_MS);
    network.heal();
    await expect
      .poll(() => reserve("after").then(({ isGranted }) => isGranted, String), { timeout: 8_000 })
      .toBe(true);
    // The end that nobody heard of is told, the reservations that nobody heard of are gone.
    await expect.poll(account, { timeout: 8_000 }).toEqual([3, 10, 2]);
  });

  // A statement on a connection that broke is told again by itself: of that nobody may hear.
  test.each([
    ["cut", 0],
    ["swallow", 1],
    ["loseAnswers", 1],
    ["holdRequests", 1],
  ] as const)("%s in the middle of 200 calls: everything is charged once", async (fault, failedAtLeast) => {
    let spent = 0;
    let failed = 0;
    const call = async (index: number): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        const id = `call ${index} ${round}`;
        // oxlint-disable no-await-in-loop -- one after the other
        const isGranted = await reserve(id).then(
          (answer) => answer.isGranted,
          () => false,
        );
        if (isGranted) {
          spent += 3;
          await settle(id, 3).catch(() => failed++);
        } else {
          failed++;
          await setTimeout(100);
        }
        // oxlint-enable no-await-in-loop
      }
    };
    const calls = Promise.all(Array.from({ length: 200 }, (_, index) => call(index)));
    await setTimeout(40);
    for (let times = 0; times < 5; times++) {
      network[fault]();
      // oxlint-disable-next-line no-await-in-loop -- again and again, while calls go on
      await setTimeout(20);
      network.heal();
    }
    await calls;
    // What is held up arrives now, if anything is.
    network.deliver();
    expect(spent).toBeGreaterThan(0);
    expect(failed).toBeGreaterThanOrEqual(failedAtLeast);
    await expect.poll(account, { timeout: 15_000 }).toEqual([spent, 0, spent / 3]);
  });

  test("a stop is heard although the connection for notifications is dead and nobody says so", async () => {
    const seen: unknown[] = [];
    let confirmed = 0;
    const unwatch = store.controls.watch("", {
      changed: (key) => seen.push(key),
      confirmed: () => confirmed++,
    });
    await expect.poll(() => confirmed).toBeGreaterThan(1);
    network.swallow();
    network.heal();
    await witness.controls.update("stop", () => 1);
    const began = performance.now();
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(["stop"]);
    expect(performance.now() - began).toBeLessThan(4 * TIMEOUT_MS);
    unwatch();
  });

  test("a group of audit records that was committed and not answered is there once", async () => {
    const sink = postgresAudit({
      connectionString: through(),
      schema,
      timeoutMs: TIMEOUT_MS,
      retryMs: 100,
      ports: { logger: QUIET },
    });
    const append = async (subject: string): Promise<void> =>
      sink.append({ kind: "control", at: Date.now(), action: "a", by: "b", subject }, "durable");
    await append("first");
    network.loseAnswers();
    const lost = await Promise.allSettled(Array.from({ length: 30 }, (_, index) => append(`n${index}`)));
    expect(lost.filter(({ status }) => status === "fulfilled")).toEqual([]);
    await expect.poll(() => sink.flush().then(() => "written", String), { timeout: 8_000 }).toBe("written");
    // The record of what came late, too.
    await sink.flush();
    const trail = auditTrail({ connectionString: server.url, schema });
    const subjects: string[] = [];
    for await (const line of trail.lines(sink.writer)) subjects.push(JSON.parse(line).record.subject);
    expect(subjects.slice(0, 31)).toEqual([
      "first",
      ...Array.from({ length: 30 }, (_, index) => `n${index}`),
    ]);
    expect(subjects.slice(31).filter((subject) => subject !== "audit")).toEqual([]);
    expect((await trail.verify({ [sink.writer]: sink.end }))[0]).toMatchObject({ ok: true });
    await trail.close();
    await sink.close();
  });
});
