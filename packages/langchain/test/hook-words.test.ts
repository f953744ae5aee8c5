import { PolicyError, rule, type Policy } from "@agentplane/core";
import { AIMessage, HumanMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { createAgent, createMiddleware, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { govern, type GovernedIdentity, type GovernOptions } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { outcomesOfRuns } from "./run-records.ts";
import { ScriptedChatModel, type Turn } from "./scripted-chat-model.ts";

const REDACT: Policy = { id: "pii", blocking: [rule.redact({ detect: ["email"] })] };
const WITHHOLD: Policy = {
  id: "words",
  selector: { hookpoints: ["after_model_call"] },
  blocking: [rule.piiBlock({ detect: ["email"] })],
};
const SAYS = "ask bob@example.com";

interface Parts {
  readonly policies?: readonly Policy[];
  readonly turns?: readonly Turn[];
  readonly options?: GovernOptions;
  readonly identity?: GovernedIdentity;
  readonly text?: string;
}

/** Runs an agent with a middleware and gives all that anybody could see: final state, streams, callbacks. */
async function shown(
  hooks: object,
  { policies = [], turns = [], options, identity = { agent: "a" }, text = "go" }: Parts,
) {
  const middleware: AnyAgentMiddleware[] = [createMiddleware({ name: "hooks", ...hooks })];
  const model = new ScriptedChatModel(...turns, { text: "done" });
  const plane = planeOf(policies, { identity: { trust: ["framework"] } });
  const ends = outcomesOfRuns(plane);
  const tools = [countingTool("look").tool];
  const agent = createAgent(govern(plane, identity, { model, tools, middleware }, options));
  const heard: unknown[] = [];
  const callbacks = [{ handleChainEnd: (output: unknown) => void heard.push(output) }];
  const config = {
    callbacks,
    context: { tenantId: "acme" },
    streamMode: ["values", "updates", "messages"] as const,
  };
  const parts: unknown[] = [];
  for await (const part of await agent.stream(
    { messages: text },
    { ...config, streamMode: [...config.streamMode] },
  ))
    parts.push(structuredClone(JSON.parse(JSON.stringify(part))));
  const states = parts.filter((part) => Array.isArray(part) && part[0] === "values");
  const last = (states.at(-1) as [string, { messages: { kwargs: { content: string } }[] }])[1];
  return {
    texts: last.messages.map(({ kwargs }) => kwargs.content),
    surfaces: JSON.stringify([parts, heard]),
    ends,
    model,
  };
}

type State = { messages: BaseMessage[] };

/** Ways in which a hook has the last word. */
const WAYS: Readonly<Record<string, object>> = {
  "adds a message after the model": { afterModel: () => ({ messages: [new AIMessage(SAYS)] }) },
  "adds a message after the agent": { afterAgent: () => ({ messages: [new AIMessage(SAYS)] }) },
  "adds one that LangChain makes a message of": {
    afterAgent: () => ({ messages: [{ role: "assistant", content: SAYS }] }),
  },
  "adds a message of another kind": { afterAgent: () => ({ messages: new HumanMessage(SAYS) }) },
  "puts a message in the place of the answer": {
    afterModel: ({ messages }: State) => ({
      messages: [new AIMessage({ content: SAYS, id: messages.at(-1)?.id ?? "" })],
    }),
  },
  "writes into the answer": {
    afterModel: ({ messages }: State) => void Object.assign(messages.at(-1) ?? {}, { content: SAYS }),
  },
  "jumps to the end before the model": {
    beforeModel: {
      canJumpTo: ["end"],
      hook: () => ({ messages: [new AIMessage(SAYS)], jumpTo: "end" }),
    },
  },
};

describe.each(Object.entries(WAYS))("a hook that %s", (_, hooks) => {
  it("shows its words as they are where no policy minds", async () => {
    expect((await shown(hooks, {})).texts.at(-1)).toBe(SAYS);
  });

  it("has them redacted everywhere", async () => {
    const { texts, surfaces } = await shown(hooks, { policies: [REDACT] });
    expect(texts.at(-1)).toMatch(/^ask \[/);
    expect(surfaces).not.toMatch(/bob@/);
  });

  it("has them withheld everywhere", async () => {
    const { texts, surfaces } = await shown(hooks, { policies: [WITHHOLD] });
    expect(texts.at(-1)).toMatch(/withheld/);
    expect(surfaces).not.toMatch(/bob@/);
  });
});

describe("the words of hooks", () => {
  it("are an error where what is blocked throws", async () => {
    const hooks = { afterAgent: () => ({ messages: [new AIMessage(SAYS)] }) };
    const options = { onBlock: "throw" } as const;
    await expect(shown(hooks, { policies: [WITHHOLD], options })).rejects.toBeInstanceOf(PolicyError);
  });

  it("about a call are judged as its result", async () => {
    const policies: Policy[] = [
      {
        id: "results",
        selector: { hookpoints: ["after_tool_call"], tools: ["look"] },
        blocking: [rule.redact({ detect: ["email"] })],
      },
    ];
    const hooks = {
      afterModel: ({ messages }: State) =>
        (messages.at(-1) as AIMessage).tool_calls?.length === 1
          ? { messages: [new ToolMessage({ content: SAYS, tool_call_id: "l1", name: "look" })] }
          : undefined,
    };
    const turns = [{ calls: [{ id: "l1", name: "look" }] }];
    const { surfaces, model } = await shown(hooks, { policies, turns });
    expect(surfaces).not.toMatch(/bob@/);
    expect(JSON.stringify(model.prompts)).not.toMatch(/bob@/);
  });

  it("are left alone where the hook only repeats what was there", async () => {
    const hooks = { afterModel: ({ messages }: State) => ({ messages: [...messages] }) };
    const turns = [{ text: "all is well" }];
    const { texts } = await shown(hooks, { policies: [WITHHOLD], turns, text: SAYS });
    expect(texts).toStrictEqual([SAYS, "all is well"]);
  });

  it("end the run of whoever acts, whom only the run names", async () => {
    const identity = { agent: "a", fromRun: { tenant: "tenantId" } };
    const hooks = {
      afterModel: { canJumpTo: ["end"], hook: () => ({ messages: [new AIMessage(SAYS)], jumpTo: "end" }) },
    };
    const policies: Policy[] = [{ id: "t", blocking: [rule.requireTenant({})] }, REDACT];
    const turns = [{ calls: [{ name: "look" }] }];
    const { texts, ends } = await shown(hooks, { policies, turns, identity });
    expect(texts.at(-1)).toMatch(/^ask \[/);
    expect(ends).toStrictEqual(["ran"]);
  });
});
