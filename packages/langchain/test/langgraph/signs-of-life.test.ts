import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { rule, type AgentPlane } from "@agentplane/core";
import { createTestPorts, type TestPorts } from "@agentplane/core/testing";
import { createAgent } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { govern } from "../../src/index.ts";
import { usageMeter } from "../../src/langgraph.ts";
import { signsOfLife } from "../../src/langgraph/signs-of-life.ts";
import { countingTool, planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

const identity = { agent: "a" };
const MINUTE = 60_000;

beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

/** A plane with a budget of tokens, and a clock that stands still. */
function clocked() {
  const ports = createTestPorts();
  const tokens = rule.tokenBudget({ maxTokens: 1_000_000, window: "1d", per: "agent" });
  const plane = planeOf([{ id: "budget", blocking: [tokens] }], { ports });
  const outcomes: string[] = [];
  plane.on("outcome", ({ outcome }) => void outcomes.push(outcome));
  return { plane, ports, outcomes, held: () => heldOf(plane) };
}

async function heldOf(plane: AgentPlane): Promise<number | undefined> {
  const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", agent: "a" });
  return state?.held;
}

async function minutes({ clock }: TestPorts, count: number): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one minute after the other
  for (let minute = 0; minute < count; minute++) await clock.advanceAsync(MINUTE);
}

/** A promise, and what settles it. */
function gate() {
  const opens: (() => void)[] = [];
  const passed = new Promise<void>((resolve) => void opens.push(resolve));
  return { passed, open: () => opens[0]?.() };
}

describe("a call that takes long holds what was reserved for it", () => {
  it("where a meter governs a model", async () => {
    const { plane, ports, outcomes, held } = clocked();
    const { passed, open } = gate();
    const model = new ScriptedChatModel({ text: "at last" });
    model.thinks = () => passed;
    const asked = model.invoke("go", { callbacks: [usageMeter(plane, identity)] });
    await setImmediate();
    const before = await held();
    expect(before).toBeGreaterThan(0);
    await minutes(ports, 5);
    expect(await held()).toBe(before);
    open();
    expect((await asked).text).toBe("at last");
    expect(await held()).toBe(0);
    expect(outcomes).toStrictEqual(["ran"]);
  });

  it("where a tool inside a tool works, and a model inside that", async () => {
    const { plane, ports, outcomes, held } = clocked();
    const { passed, open } = gate();
    const inner = new ScriptedChatModel({ text: "at last" });
    inner.thinks = () => passed;
    const look = countingTool("look", async () => (await inner.invoke("go")).text).tool;
    const ask = countingTool("ask", () => look.invoke({})).tool;
    const model = new ScriptedChatModel({ calls: [{ name: "ask" }] }, { text: "done" });
    const running = createAgent(govern(plane, identity, { model, tools: [ask] })).invoke({ messages: "go" });
    await vi.waitFor(() => expect(inner.prompts).toHaveLength(1));
    const before = await held();
    expect(before).toBeGreaterThan(0);
    await minutes(ports, 5);
    expect(await held()).toBe(before);
    open();
    const { messages } = await running;
    expect(messages.map(({ text }) => text)).toStrictEqual(["go", "", "at last", "done"]);
    expect(outcomes).not.toContain("unsettled");
  });

  it("where a stream goes on", async () => {
    const { plane, ports, outcomes, held } = clocked();
    const model = new ScriptedChatModel({ text: "one two three four five six" });
    const stream = await model.stream("go", { callbacks: [usageMeter(plane, identity)] });
    const holds: boolean[] = [];
    for await (const _ of stream) {
      holds.push(((await held()) ?? 0) > 0);
      await minutes(ports, 1);
    }
    // LangChain is one piece ahead of its reader.
    expect(holds).toStrictEqual([true, true, true, true, true, true, false]);
    expect(outcomes).toStrictEqual(["ran"]);
  });
});

describe("what was reserved for a stream ends with its time", () => {
  it("where its reader leaves it", async () => {
    const { plane, ports, outcomes, held } = clocked();
    const model = new ScriptedChatModel({ text: "one two three four" });
    for await (const _ of await model.stream("go", { callbacks: [usageMeter(plane, identity)] })) break;
    expect(await held()).toBeGreaterThan(0);
    await minutes(ports, 5);
    expect(await held()).toBe(0);
    expect(outcomes).toStrictEqual(["unsettled"]);
  });

  it("where nobody ever reads it, once nothing knows of it any more", async () => {
    const { plane, ports, outcomes, held } = clocked();
    const model = new ScriptedChatModel({ text: "one two three four" });
    const callbacks = [usageMeter(plane, identity)];
    await (async () => void (await model.stream("go", { callbacks })))();
    await collected();
    await minutes(ports, 5);
    expect(await held()).toBe(0);
    expect(outcomes).toStrictEqual(["unsettled"]);
  });
});

describe("a call that was cut while it ran", () => {
  it("ends as the plane says, whatever signs it still gives", async () => {
    const { plane, ports, outcomes } = clocked();
    const model = new ScriptedChatModel({ text: "one two three four five" });
    const read: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const { text } of await model.stream("go", { callbacks: [usageMeter(plane, identity)] })) {
        read.push(text);
        if (read.length === 2)
          await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "mira", reason: "strange" });
        await minutes(ports, 1);
      }
    };
    await expect(reading()).rejects.toThrow(/strange/);
    expect(outcomes).toStrictEqual(["withheld"]);
  });

  it("gives signs for nothing, once it is over for the plane", async () => {
    const { plane } = clocked();
    const admitted = await plane.guard.admit({
      hookpoint: "before_model_call",
      agent: "a",
      model: { name: "m" },
    });
    if (admitted.status !== "admitted") throw admitted.error;
    await plane.guard.release(admitted);
    const hears = signsOfLife(plane, admitted, undefined);
    expect(hears).not.toThrow();
  });
});

async function collected(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 5; turn++) {
    // oxlint-disable-next-line no-await-in-loop -- what is collected is told of later
    await setImmediate();
    collect();
  }
  await setImmediate();
}
