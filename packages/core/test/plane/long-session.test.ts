import { afterEach, describe, expect, test } from "vitest";

import { createAgentPlane, memoryState, rule, type AgentPlane, type PlaneOptions } from "../../src/index.ts";
import type { Decision } from "../../src/decision/decision.ts";
import type { MemoryState } from "../../src/store/memory-state.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { createFakeIds } from "../../src/testing/fake-ids.ts";
import { atOnceState } from "../store/at-once-state.ts";
import { laterState } from "./later-state.ts";

const AT_MS = 1_772_323_200_000;

/** What processes share, and what one of them asked of histories. */
interface Shared {
  readonly memory: MemoryState;
  readonly asked: string[];
  /** Comes before a history or a part of one is written. */
  before: () => Promise<void> | void;
  open(options?: Omit<PlaneOptions, "state">): Promise<AgentPlane>;
}

const planes: AgentPlane[] = [];
afterEach(async () => {
  await Promise.all(planes.splice(0).map((plane) => plane.close()));
});

/** A store where what is written costs what it is long; it admits in one step, or is asked step by step. */
function share(isAtOnce: boolean): Shared {
  const memory = memoryState({ clock: { nowMs: () => AT_MS } });
  const asked: string[] = [];
  let count = 0;
  const { admit, ...stepwise } = atOnceState(memory);
  const { sessions } = stepwise;
  const state: StateStore = {
    ...stepwise,
    sessions: {
      ...sessions,
      isSerialised: true,
      read: (key) => {
        asked.push(key.includes("+") ? "read a part" : "read");
        return sessions.read(key);
      },
      update: async (key, change, options) => {
        await shared.before();
        return sessions.update(key, change, options);
      },
    },
    ...(isAtOnce && {
      admit: (admission) => {
        asked.push("admit");
        return admit!(admission);
      },
    }),
    // One store for all of them.
    close: () => undefined,
  };
  const shared: Shared = {
    memory,
    asked,
    before: () => undefined,
    async open(options = {}) {
      const ports = createTestPorts({ ids: createFakeIds({ suffix: `_${count++}` }) });
      const policies = [{ id: "once", blocking: [rule.idempotency({ window: "10m" })] }];
      const tools = { pay: { access: "write", external: false } } as const;
      const plane = createAgentPlane({ state: laterState(state), ports, policies, tools, ...options });
      planes.push(plane);
      await plane.ready();
      return plane;
    },
  };
  return shared;
}

async function pay(plane: AgentPlane, order: number): Promise<Decision> {
  const tool = { name: "pay", input: { order } };
  const context = { hookpoint: "before_tool_call", agent: "a", session: "s", tool } as const;
  const outcome = await plane.guard.toolCall({ context, run: () => "paid" });
  return outcome.decision;
}

async function payMany(plane: AgentPlane, count: number): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one call after the other
  for (let order = 0; order < count; order++) expect((await pay(plane, order)).effect).toBe("allow");
  await plane.flush();
}

function partsOf({ memory }: Shared): readonly string[] {
  return memory.sessions.list("").flatMap(([key]) => (key.includes("+") ? [key] : []));
}

describe.for([
  ["in one step", true],
  ["step by step", false],
] as const)("a long session whose calls are admitted %s", ([, isAtOnce]) => {
  test("is judged by all of it, also in a process that has seen nothing of it", async () => {
    const shared = share(isAtOnce);
    await payMany(await shared.open(), 70);
    expect(partsOf(shared)).toHaveLength(4);
    const other = await shared.open();
    shared.asked.length = 0;
    expect(await pay(other, 70)).toMatchObject({ effect: "allow" });
    const parts = Array.from({ length: 4 }, () => "read a part");
    expect(shared.asked.filter((what) => what !== "read")).toEqual(isAtOnce ? [...parts, "admit"] : parts);
    // Known by now.
    shared.asked.length = 0;
    expect(await pay(other, 71)).toMatchObject({ effect: "allow" });
    expect(shared.asked.filter((what) => what !== "read")).toEqual(isAtOnce ? ["admit"] : []);
    for (const order of [0, 20, 40, 69, 70, 71])
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await pay(other, order)).toMatchObject({ effect: "block", ruleId: "idempotency" });
  });

  test.for([
    ["block", "state_error"],
    ["allow", "rule"],
  ] as const)(
    "is not judged by what is left of it where a part is missing, with onStateError %s",
    async ([onStateError, cause]) => {
      const shared = share(isAtOnce);
      await payMany(await shared.open(), 40);
      const plane = await shared.open({ onStateError });
      const [part = ""] = partsOf(shared);
      shared.memory.sessions.update(part, () => undefined);
      expect(await pay(plane, 100)).toMatchObject({ effect: "block", cause });
      expect(await pay(plane, 0)).toMatchObject({ effect: "block", cause });
    },
  );
});

test("closing waits for a history that is being split, no call does", async () => {
  const shared = share(true);
  const plane = await shared.open();
  await payMany(plane, 15);
  let release: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let writes = 0;
  // The end of the call passes; what comes after is its history.
  shared.before = () => (writes++ === 0 ? undefined : held);
  expect((await pay(plane, 15)).effect).toBe("allow");
  let isClosed = false;
  const closed = plane.close().then(() => (isClosed = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([isClosed, partsOf(shared).length]).toEqual([false, 0]);
  release?.();
  await closed;
  expect([writes, partsOf(shared).length]).toEqual([3, 1]);
});
