import { createAgentPlane, rule, type LimitSpec, type RuleSpec, type StateStore } from "@agentplane/core";
import { Client, Pool } from "pg";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { TestSchema } from "./server.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { hasServer } from "./servers.ts";

/** The statements that were sent, in order. */
let sent: string[] = [];

class CountedClient extends Client {}
CountedClient.prototype.query = function query(this: Client, ...args: unknown[]): never {
  // Changes are followed beside the calls.
  if (!String(args[0]).includes("change_head")) sent.push(String(args[0]));
  // The driver has many forms of it, all passed on as they are.
  return Reflect.apply(Client.prototype.query, this, args) as never;
};

function limits(count: number): readonly LimitSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `limit ${at}`,
    measure: at % 2 === 0 ? "tokens" : "calls",
    limit: 100_000,
    window: { kind: "sliding", windowMs: 3_600_000 },
  }));
}

/** What is read of a session's history. */
interface History {
  readonly counts?: { readonly calls: number };
}

describe.skipIf(!hasServer)("statements", () => {
  const schema = new TestSchema();
  const pool = new Pool({ connectionString: DATABASE_URL, Client: CountedClient });
  // Neither looked at nor tidied in between.
  const store: StateStore = schema.open({ pool, pollMs: 3_600_000, tidyMs: 3_600_000, listen: false });
  const reserve = async (id: string, count: number): Promise<boolean> => {
    const items = limits(count).map(
      (spec) => ({ spec, amount: 1, isSoft: false, expired: "charge" }) as const,
    );
    return (await store.ledger.reserve({ id, ttlMs: 60_000, items })).isGranted;
  };

  beforeEach(async () => {
    await reserve("held", 20);
    sent = [];
  });
  afterAll(async () => {
    await store.close();
    await pool.end();
    await schema.drop();
  });

  test.for<readonly [name: string, work: () => unknown]>([
    ["one limit reserved", () => reserve("one", 1)],
    ["twenty limits reserved", () => reserve("twenty", 20)],
    ["the same reserved again", () => reserve("held", 20)],
    ["twenty limits settled", () => store.ledger.settle("held", [])],
    ["twenty limits given back", () => store.ledger.release("held")],
    ["twenty limits renewed", () => store.ledger.renew("held", 1_000)],
    ["a limit read", () => store.ledger.read(limits(1)[0]!)],
    ["a limit raised", () => store.ledger.grant(limits(1)[0]!, 1)],
    ["a limit reset", () => store.ledger.reset("limit 0")],
    ["a document read", () => store.versions.read("a")],
  ])("%s: one, in no transaction but its own", async ([, work]) => {
    await work();
    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toMatch(/BEGIN|COMMIT/);
  });

  test("twenty limits, the last of which is full: nothing of the others is taken, in one statement", async () => {
    const [full, ...others] = limits(20).toReversed();
    await store.ledger.reset(full!.key);
    const items = [...others, full!].map((spec) => {
      const amount = spec === full ? 100_001 : 1;
      return { spec, amount, isSoft: false, expired: "charge" } as const;
    });
    const before = await Promise.all(others.map(async (spec) => store.ledger.read(spec)));
    sent = [];
    expect(await store.ledger.reserve({ id: "refused", ttlMs: 60_000, items })).toEqual({
      isGranted: false,
      breaches: [{ index: 19 }],
    });
    expect(sent).toHaveLength(1);
    expect(await Promise.all(others.map(async (spec) => store.ledger.read(spec)))).toEqual(before);
  });

  const rates = (count: number): readonly RuleSpec[] =>
    Array.from({ length: count }, (_, at) => rule.rate({ id: `r${at}`, limit: 100_000, window: "1h" }));

  const LOOP = rule.loop({ maxRepeats: 100 });

  test.for<
    readonly [
      name: string,
      rules: readonly RuleSpec[],
      callId: string | undefined,
      before: number,
      after: number,
    ]
  >([
    ["no limit", [], undefined, 1, 1],
    ["one limit", rates(1), undefined, 1, 2],
    ["twenty limits", rates(20), undefined, 1, 2],
    ["twenty limits and an id", rates(20), "call", 1, 3],
    ["a rule that reads the history, twenty limits and an id", [LOOP, ...rates(20)], "call", 1, 3],
  ])("a governed call under %s: one before it runs", async ([name, blocking, callId, before, after]) => {
    const plane = createAgentPlane({
      id: name,
      state: store,
      policies: [{ id: "p", blocking }],
      tools: { search: { access: "read", external: false } },
    });
    await plane.ready();
    // What is read at the start is read once more, beside the calls.
    const busy = (): number => pool.waitingCount + pool.totalCount - pool.idleCount;
    await expect.poll(busy, { interval: 5, timeout: 15_000 }).toBe(0);
    sent = [];
    let admission = 0;
    await plane.guard.toolCall({
      context: {
        hookpoint: "before_tool_call",
        agent: "a",
        session: "s",
        tool: { name: "search", input: {} },
        ...(callId !== undefined && { callId }),
      },
      run: () => {
        admission = sent.length;
        return "found";
      },
    });
    expect([admission, sent.length - admission]).toEqual([before, after]);
  });

  test.for([
    ["all of one agent", 1, 1_000_000, 150],
    ["each of its own agent", 150, 1_000_000, 150],
    ["of one agent, of which a hundred fit", 1, 100, 100],
  ] as const)("many calls at once, %s, share their statements", async ([name, agents, limit, fitting]) => {
    const plane = createAgentPlane({
      id: name,
      state: store,
      stateTimeout: "30s",
      policies: [{ id: "p", blocking: [rule.rate({ limit, window: "1h", per: "tenant" })] }],
      tools: { search: { access: "read", external: false } },
    });
    await plane.ready();
    sent = [];
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, async (_, at) =>
        plane.guard.toolCall({
          context: {
            hookpoint: "before_tool_call",
            agent: `a${at % agents}`,
            tenant: "t",
            callId: `call ${at}`,
            tool: { name: "search", input: { at } },
          },
          run: () => "found",
        }),
      ),
    );
    const statements = sent.length;
    expect(outcomes.filter(({ status }) => status === "ran")).toHaveLength(fitting);
    expect(statements).toBeLessThan(60);
    const histories = await store.sessions.list<History & { readonly history?: History }>(
      `${name.length}:${name}`,
    );
    // The parts of a long history are listed beside it.
    const counted = histories.flatMap(([, { counts, history }]) => (history?.counts ?? counts)?.calls ?? []);
    expect(counted).toHaveLength(agents);
    expect(counted.reduce((sum, calls) => sum + calls, 0)).toBe(fitting);
  });

  test("sixteen governed calls of a long session: one each before they run, two more for their history", async () => {
    const plane = createAgentPlane({
      id: "long",
      state: store,
      policies: [{ id: "p", blocking: [LOOP] }],
      tools: { search: { access: "read", external: false } },
    });
    await plane.ready();
    const sixteen = async (): Promise<readonly [before: number, all: number]> => {
      sent = [];
      let before = 0;
      for (let call = 0; call < 16; call++) {
        const atStart = sent.length;
        const tool = { name: "search", input: {} };
        const context = { hookpoint: "before_tool_call", agent: "a", session: "s", tool } as const;
        // oxlint-disable-next-line no-await-in-loop -- one call after the other
        await plane.guard.toolCall({ context, run: () => void (before += sent.length - atStart) });
      }
      await plane.flush();
      return [before, sent.length];
    };
    await sixteen();
    expect([await sixteen(), await sixteen()]).toEqual([
      [16, 34],
      [16, 34],
    ]);
    await plane.close();
  });
});
