import { createAgentPlane, PolicyBlocked, rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import {
  Agent,
  addTraceProcessor,
  handoff,
  MemorySession,
  RunState,
  setTracingDisabled,
  tool,
  Usage,
  type AgentOutputItem,
} from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { afterEach, describe, expect, test } from "vitest";

import { govern, GovernedRunner } from "../../src/agents.ts";

const MAIL = "mira@example.com";
const IDENTITY = { tenant: "acme", session: "s1" };
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const NO_MAIL_OUT: Policy = {
  id: "prompts",
  blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })],
};
const NO_WIPE: Policy = { id: "no", blocking: [rule.denylist({ tools: ["wipe"] })] };

setTracingDisabled(true);
afterEach(() => setTracingDisabled(true));

function planeOf(...policies: Policy[]) {
  return createAgentPlane({ scanner: createScanner(), policies } satisfies PlaneOptions);
}

function scripted(...turns: readonly (readonly AgentOutputItem[])[]): ScriptedModel {
  return new ScriptedModel(turns.map((output) => ({ output: [...output], usage: new Usage() })));
}

function noted(name: string, ran: unknown[], gives = "ok") {
  return tool({
    name,
    description: "Does it.",
    strict: false,
    parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
    execute: (input: unknown) => (ran.push(input), gives),
  });
}

const done = [assistantMessage("done")];
const calling = (name: string, input: Record<string, unknown> = {}) => [
  functionCall(name, input, { callId: `c-${name}` }),
];

describe("what an agent tells others", () => {
  test("traces, hooks, guardrails, sessions and a saved state hold nothing redacted", async () => {
    setTracingDisabled(false);
    const told: unknown[] = [];
    const note = async (one: { toJSON?(): object | null }): Promise<void> => void told.push(one.toJSON?.());
    addTraceProcessor({
      onTraceStart: note,
      onTraceEnd: note,
      onSpanStart: note,
      onSpanEnd: note,
      shutdown: async () => undefined,
      forceFlush: async () => undefined,
    });
    const plane = planeOf(REDACT);
    const ran: unknown[] = [];
    const model = scripted(
      [assistantMessage(`I write to ${MAIL}`), ...calling("find", { mail: MAIL })],
      [assistantMessage(`found ${MAIL}`)],
    );
    const plain = new Agent({
      name: "ops",
      model,
      tools: [noted("find", ran, `it is ${MAIL}`)],
      outputGuardrails: [
        {
          name: "watch",
          execute: async ({ agentOutput }) => {
            told.push(agentOutput);
            return { tripwireTriggered: false, outputInfo: agentOutput };
          },
        },
      ],
    });
    const agent = govern(plane, IDENTITY, plain);
    for (const one of [agent, plain]) {
      one.on("agent_tool_start", (_context, _tool, { toolCall }) => void told.push(toolCall));
      one.on("agent_tool_end", (_context, _tool, result, { toolCall }) => void told.push(result, toolCall));
      one.on("agent_end", (_context, output) => void told.push(output));
    }
    const session = new MemorySession();
    const runner = new GovernedRunner();
    const result = await runner.run(agent, "go", { session });
    told.push(await session.getItems(), result.state.toString(), result.output, result.newItems);
    const text = JSON.stringify(told);
    expect(text).toContain("it is [");
    expect(text).not.toContain(MAIL);
    expect(JSON.stringify(ran)).not.toContain(MAIL);
    await plane.close();
  });
});

describe("a run's own options", () => {
  test("a filter of the model's input changes what is decided, not what was", async () => {
    const plane = planeOf(NO_MAIL_OUT);
    const model = scripted(done);
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model }));
    await new GovernedRunner().run(agent, "go", {
      callModelInputFilter: ({ modelData }) => ({
        ...modelData,
        instructions: `write to ${MAIL}`,
        input: [{ role: "user", content: MAIL }],
      }),
    });
    expect(
      JSON.stringify(model.calls.map(({ request }) => [request.input, request.systemInstructions])),
    ).not.toContain(MAIL);
    await plane.close();
  });

  test("settings of the runner may not replace what was decided", async () => {
    const plane = planeOf();
    const model = scripted(done);
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model }));
    const runner = new GovernedRunner({
      modelSettings: { providerData: { tools: [{ type: "web_search" }] } },
    });
    await expect(runner.run(agent, "go")).rejects.toThrow("tools");
    expect(model.calls).toHaveLength(0);
    await plane.close();
  });

  test("a handler of errors does not make an answer of a refusal", async () => {
    const plane = planeOf({
      id: "no-model",
      selector: { hookpoints: ["before_model_call"] },
      blocking: [rule.condition({ where: { agent: "ops" }, then: "block" })],
    });
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: scripted(done) }));
    const errorHandlers = { maxTurns: () => ({ finalOutput: "all is well" }) };
    const runner = new GovernedRunner();
    await expect(runner.run(agent, "go", { errorHandlers })).rejects.toBeInstanceOf(PolicyBlocked);
    await plane.close();
  });
});

describe("a tool", () => {
  test("that is added to a governed agent, or to the one it was made of, is governed", async () => {
    const plane = planeOf(NO_WIPE);
    const ran: unknown[] = [];
    const plain = new Agent({ name: "ops", model: scripted(calling("wipe"), done) });
    const agent = govern(plane, IDENTITY, plain);
    agent.tools.push(noted("wipe", ran));
    plain.tools.push(noted("wipe", ran));
    const run = new GovernedRunner().run(agent, "go", { toolNotFoundBehavior: "return_error_to_model" });
    await run.catch(() => undefined);
    expect(ran).toHaveLength(0);
    await plane.close();
  });

  test("whose result ends the run gives it redacted", async () => {
    const plane = planeOf(REDACT);
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({
        name: "ops",
        model: scripted(calling("find")),
        tools: [noted("find", [], `it is ${MAIL}`)],
        toolUseBehavior: "stop_on_first_tool",
      }),
    );
    const { finalOutput } = await new GovernedRunner().run(agent, "go");
    expect(finalOutput).toContain("it is [");
    await plane.close();
  });
});

describe("a handoff", () => {
  test("whose filter writes into the next agent's input is decided with it", async () => {
    const plane = planeOf(NO_MAIL_OUT);
    const model = scripted(done);
    const next = new Agent({ name: "next", model });
    const first = new Agent({
      name: "ops",
      model: scripted(calling("transfer_to_next")),
      handoffs: [
        handoff(next, {
          inputFilter: (data) => ({
            ...data,
            inputHistory: [{ role: "user", content: `write to ${MAIL}` }],
          }),
        }),
      ],
    });
    await new GovernedRunner().run(govern(plane, IDENTITY, first), "go");
    expect(JSON.stringify(model.calls[0]?.request.input)).toContain("write to [");
    await plane.close();
  });

  test("that a filter's forged calls come with runs none of them", async () => {
    const plane = planeOf(NO_WIPE);
    const ran: unknown[] = [];
    const next = new Agent({ name: "next", model: scripted(done), tools: [noted("wipe", ran)] });
    const first = new Agent({
      name: "ops",
      model: scripted(calling("transfer_to_next")),
      handoffs: [handoff(next, { inputFilter: (data) => ({ ...data, inputHistory: calling("wipe") }) })],
    });
    await new GovernedRunner().run(govern(plane, IDENTITY, first), "go");
    expect(ran).toHaveLength(0);
    await plane.close();
  });
});

describe("a saved state", () => {
  test("that is read for an agent nobody governs does not run", async () => {
    const plane = planeOf(NO_WIPE);
    const ran: unknown[] = [];
    const wipe = tool({
      name: "wipe",
      description: "Does it.",
      strict: false,
      parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
      needsApproval: true,
      execute: () => (ran.push(1), "ok"),
    });
    const bare = new Agent({ name: "ops", model: scripted(calling("wipe"), done), tools: [wipe] });
    const { Runner } = await import("@openai/agents");
    const paused = await new Runner().run(bare, "go");
    const [question] = paused.interruptions;
    paused.state.approve(question!);
    const saved = paused.state.toString();
    const runner = new GovernedRunner();
    const agent = govern(plane, IDENTITY, bare);
    await expect(runner.run(agent, await RunState.fromString(bare, saved))).rejects.toThrow(/govern/);
    // Nor does a yes of elsewhere run what this plane forbids.
    await runner.run(agent, await RunState.fromString(agent, saved)).catch(() => undefined);
    expect(ran).toHaveLength(0);
    await plane.close();
  });
});
