import { rule, type AgentPlane, type DecisionRecord, type Policy } from "@agentplane/core";
import { BaseCallbackHandler, type BaseCallbackHandlerInput } from "@langchain/core/callbacks/base";
import type { Runnable } from "@langchain/core/runnables";
import { LangChainTracer } from "@langchain/core/tracers/tracer_langchain";
import { createAgent, createMiddleware, tool } from "langchain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";

import { govern, type GovernedIdentity } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";
import { ScriptedTextModel } from "./scripted-text-model.ts";

const SECRET = "mail bob@example.com now";
const MASKED: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const MASKED_PROMPT: Policy = { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] };

/** How code inside an agent asks a model. */
type Ask = (model: Runnable) => Promise<unknown>;
const invoke: Ask = (model) => model.invoke(SECRET);
const stream: Ask = async (model) => {
  const pieces: unknown[] = [];
  for await (const piece of await model.stream(SECRET)) pieces.push(piece);
  return pieces;
};

/** What a run of an agent gave whose tool, or whose middleware, asks a model of its own. */
async function asked(
  plane: AgentPlane,
  ask: () => Promise<unknown>,
  { place = "tool", identity = { agent: "a" }, callbacks = [] }: Place = {},
) {
  const seen: { result?: unknown; error?: unknown } = {};
  const noted = async (): Promise<string> => {
    try {
      seen.result = await ask();
    } catch (error) {
      seen.error = error;
    }
    return "ok";
  };
  const inside = tool(noted, { name: "inside", description: "Asks.", schema: z.looseObject({}) });
  const middleware = createMiddleware({
    name: "asking",
    async beforeModel() {
      if (place === "middleware" && seen.result === undefined && seen.error === undefined) await noted();
    },
  });
  const calls = place === "tool" ? [{ name: "inside" }] : [];
  const agent = createAgent(
    govern(plane, identity, {
      model: new ScriptedChatModel({ calls }, { text: "done" }),
      tools: [inside],
      middleware: [middleware],
    }),
  );
  await agent.invoke(
    { messages: [{ role: "user", content: "go" }] },
    { callbacks: [...callbacks], context: { tenantId: "acme" }, configurable: { thread_id: "t1" } },
  );
  return seen;
}

interface Place {
  readonly place?: "tool" | "middleware";
  readonly identity?: GovernedIdentity;
  readonly callbacks?: readonly BaseCallbackHandler[];
}

/** Hears everything, as a tracer of an application does. */
class Listener extends BaseCallbackHandler {
  readonly name = "listener";
  readonly heard: unknown[] = [];
  readonly lc_prefer_streaming: boolean;

  constructor(given: BaseCallbackHandlerInput, isStreaming = false) {
    super(given);
    this.lc_prefer_streaming = isStreaming;
  }

  override handleLLMNewToken(...heard: unknown[]): void {
    this.heard.push(["token", heard]);
  }
  override handleLLMEnd(...heard: unknown[]): void {
    this.heard.push(["end", heard]);
  }
  override handleLLMError(...heard: unknown[]): void {
    this.heard.push(["error", String(heard[0])]);
  }
}

function usedIn(plane: AgentPlane): (number | undefined)[] {
  const used: (number | undefined)[] = [];
  plane.on("outcome", ({ model, usage }) => void (model !== undefined && used.push(usage?.outputTokens)));
  return used;
}

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => void vi.restoreAllMocks());

describe.each(["tool", "middleware"] as const)("a model of texts that is asked in a %s", (place) => {
  it("is not asked when no policy allows it", async () => {
    const none = rule.condition({ where: { model: "scripted-text-*" } });
    const policy: Policy = { id: "none", selector: { hookpoints: ["before_model_call"] }, blocking: [none] };
    const model = new ScriptedTextModel("short");
    for (const ask of [invoke, stream]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { error } = await asked(planeOf([policy]), () => ask(model), { place });
      expect(error).toMatchObject({ policyId: "none" });
    }
    expect(model.prompts).toEqual([]);
  });

  it("is decided with its prompt", async () => {
    const plane = planeOf([{ id: "p", blocking: [rule.piiBlock({ detect: ["email"] })] }]);
    const model = new ScriptedTextModel("short");
    expect((await asked(plane, () => invoke(model), { place })).error).toMatchObject({ policyId: "p" });
    expect(model.prompts).toEqual([]);
  });

  it("is charged with what it tells, also as a stream", async () => {
    const plane = planeOf([
      { id: "budget", blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "agent" })] },
    ]);
    const used = usedIn(plane);
    await asked(plane, () => invoke(new ScriptedTextModel("short")), { place });
    expect(used).toEqual(place === "tool" ? [12, 12, 12] : [12, 12]);
  });
});

describe.each([
  ["chat", (text: string) => new ScriptedChatModel({ text })],
  ["texts", (text: string) => new ScriptedTextModel(text)],
])("a model of %s inside a governed agent", (_kind, modelOf) => {
  it("does not get a prompt that a policy rewrites, and says why", async () => {
    const model = modelOf("short");
    const plane = planeOf([MASKED_PROMPT]);
    const { error } = await asked(plane, () => invoke(model));
    expect(String(error)).toMatch(/prompt.*would have to be changed/);
    expect(model.prompts).toEqual([]);
  });

  it("gives an answer as policies leave it", async () => {
    const { result } = await asked(planeOf([MASKED]), () => invoke(modelOf(SECRET)));
    expect(JSON.stringify(result)).toMatch(/mail .* now/);
    expect(JSON.stringify(result)).not.toContain("bob@example.com");
  });

  it.each([
    ["awaited", false, false],
    ["not awaited", true, false],
    ["preferring streams", false, true],
  ])("tells handlers that are %s of the judged answer alone", async (_name, isLate, isStreaming) => {
    const listener = new Listener({ _awaitHandler: !isLate }, isStreaming);
    const { result } = await asked(planeOf([MASKED]), () => invoke(modelOf(SECRET)), {
      callbacks: [listener],
    });
    expect(JSON.stringify(result)).toMatch(/mail .* now/);
    await vi.waitFor(() => expect(JSON.stringify(listener.heard)).toMatch(/mail .* now/), {
      timeout: 10_000,
    });
    expect(JSON.stringify(listener.heard)).not.toContain("bob@");
  });

  it("does not stream what a policy looks at: neither to whoever asked, nor to handlers", async () => {
    const listener = new Listener({}, true);
    const { result, error } = await asked(planeOf([MASKED]), () => stream(modelOf(SECRET)), {
      callbacks: [listener],
    });
    expect(result).toBeUndefined();
    expect(String(error)).toMatch(/stream.*guardModel/);
    expect(JSON.stringify(listener.heard)).not.toContain("bob@");
  });

  it("streams as it would by itself where no policy looks", async () => {
    const listener = new Listener({});
    const { result } = await asked(planeOf(), () => stream(modelOf(SECRET)), { callbacks: [listener] });
    expect(result).toHaveLength(modelOf(SECRET) instanceof ScriptedTextModel ? 3 : 4);
    expect(listener.heard.filter((one) => Array.isArray(one) && one[0] === "token")).not.toEqual([]);
  });

  it("tells nobody of an answer that is withheld", async () => {
    const plane = planeOf([
      {
        id: "w",
        selector: { hookpoints: ["after_model_call"] },
        blocking: [rule.piiBlock({ detect: ["email"] })],
      },
    ]);
    const listener = new Listener({ _awaitHandler: false }, true);
    const { error } = await asked(plane, () => invoke(modelOf(SECRET)), {
      callbacks: [listener],
      place: "middleware",
    });
    expect(error).toMatchObject({ policyId: "w" });
    await vi.waitFor(() => expect(listener.heard).not.toEqual([]), { timeout: 10_000 });
    expect(JSON.stringify(listener.heard)).not.toContain("bob@");
  });
});

it("every one of several answers of a nested model is judged", async () => {
  class Twice extends ScriptedChatModel {
    override async _generate(...given: Parameters<ScriptedChatModel["_generate"]>) {
      const [one, other] = [await super._generate(...given), await super._generate(...given)];
      return { generations: [...one.generations, ...other.generations] };
    }
  }
  const model = new Twice({ text: SECRET }, { text: SECRET });
  const { result } = await asked(planeOf([MASKED]), () => model.generate([["hello"]] as never));
  expect(JSON.stringify(result)).toMatch(/mail .* now/);
  expect(JSON.stringify(result)).not.toContain("bob@");
});

it.each(["tool", "middleware"] as const)(
  "a model asked in a %s acts for whom the run does",
  async (place) => {
    const plane = planeOf([], { identity: { trust: ["framework"] } });
    const decisions: DecisionRecord[] = [];
    plane.on("decision", (record) => void decisions.push(record));
    const identity = { agent: "a", fromRun: { tenant: "tenantId" } };
    await asked(plane, () => invoke(new ScriptedTextModel("short")), { place, identity });
    expect(decisions.map(({ identity: who }) => [who.tenant, who.session])).toEqual(
      decisions.map(() => ["acme", "t1"]),
    );
    // Of the run, and of each call in it.
    expect(decisions).toHaveLength(place === "tool" ? 5 : 3);
  },
);

it("LangSmith's tracer, which copies itself for each call, gets no raw answer", async () => {
  const sent: unknown[] = [];
  const note = async (...given: readonly unknown[]) => void sent.push(given.at(-1));
  const tracer = new LangChainTracer({ client: { createRun: note, updateRun: note } });
  const plane = planeOf([MASKED]);
  await asked(plane, () => invoke(new ScriptedChatModel({ text: `${SECRET}, nested` })), {
    callbacks: [tracer],
  });
  const params = { model: new ScriptedChatModel({ text: SECRET }) };
  const agent = createAgent(govern(plane, { agent: "a" }, params));
  await agent.invoke({ messages: [{ role: "user", content: "go" }] }, { callbacks: [tracer] });
  await vi.waitFor(() => expect(JSON.stringify(sent)).toMatch(/now, nested/), { timeout: 10_000 });
  const outputs = JSON.stringify(sent.map((run) => (run as { outputs?: unknown }).outputs));
  expect(outputs).toMatch(/mail .* now/);
  expect(outputs).not.toContain("bob@");
});
