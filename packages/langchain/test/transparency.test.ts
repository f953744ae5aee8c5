import type { Policy } from "@agentplane/core";
import { BaseMessage } from "@langchain/core/messages";
import {
  createAgent,
  createMiddleware,
  modelRetryMiddleware,
  tool,
  toolRetryMiddleware,
  type AnyAgentMiddleware,
} from "langchain";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { ScriptedChatModel, type Turn } from "./scripted-chat-model.ts";

/** Would block, redact and limit everything, if it were in force. */
const CANDIDATE: Policy = {
  id: "candidate",
  mode: "shadow",
  blocking: [
    { rule: "denylist", tools: ["*"] },
    { rule: "redact", detect: ["email"], from: ["result", "response", "prompt", "input"] },
    { rule: "rate", limit: 0, window: "1h" },
  ],
};
const PLANES = { "a plane that allows everything": [], "a policy in shadow": [CANDIDATE] } as const;

const word = fc.constantFrom("hello ", "bob@example.com ", "", "ünïcödé ", '"quoted" ', '{"a":1} ');
// LangChain makes a hidden prototype of a member `__proto__`, and such a call is refused under any plane.
const json = fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('"__proto__":'));
const call = fc.record({
  name: fc.constantFrom("plain", "artifact", "failing", "typed", "direct", "missing"),
  args: fc.record({ text: word, more: json }),
});
const turn: fc.Arbitrary<Turn> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      text: fc.array(word, { maxLength: 4 }).map((words) => words.join("")),
      calls: fc.array(call, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ error: new TypeError("the provider is down, bob@example.com") }) },
);

const MIDDLEWARE = [
  "none",
  "model retry",
  "tool retry",
  "tool wrapper",
  "model wrapper",
  "node hooks",
] as const;
const MODES = ["invoke", "messages", "updates", "values", "events"] as const;

interface Script {
  readonly turns: readonly Turn[];
  readonly middleware: (typeof MIDDLEWARE)[number];
  readonly mode: (typeof MODES)[number];
}

const script: fc.Arbitrary<Script> = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  middleware: fc.constantFrom(...MIDDLEWARE),
  mode: fc.constantFrom(...MODES),
});

/** Tools of every kind, and what they ran with. */
function toolsOf(runs: unknown[]) {
  const schema = z.looseObject({});
  const note = (name: string, args: unknown): void => void runs.push(structuredClone([name, args]));
  return [
    tool((args) => (note("plain", args), { given: args }), { name: "plain", description: "plain", schema }),
    tool((args) => (note("artifact", args), ["for bob@example.com", { given: args }]), {
      name: "artifact",
      description: "artifact",
      schema,
      responseFormat: "content_and_artifact",
    }),
    tool(
      (args): string => {
        note("failing", args);
        throw new TypeError("failed for bob@example.com");
      },
      { name: "failing", description: "failing", schema },
    ),
    tool((args) => (note("typed", args), "never"), {
      name: "typed",
      description: "typed",
      schema: z.object({ count: z.number() }),
    }),
    tool(
      (args: { readonly text?: string }) => {
        note("direct", args);
        if (args.text === "") throw new RangeError("nothing to say");
        return "for bob@example.com";
      },
      { name: "direct", description: "direct", schema, returnDirect: true },
    ),
  ];
}

function middlewareOf(kind: Script["middleware"], told: unknown[]): readonly AnyAgentMiddleware[] {
  // The retrying ones have types that do not fit LangChain's own list under exactOptionalPropertyTypes.
  switch (kind) {
    case "none":
      return [];
    case "model retry":
      return [
        modelRetryMiddleware({ maxRetries: 1, initialDelayMs: 0, jitter: false, retryOn: [TypeError] }),
      ] as never;
    case "tool retry":
      return [toolRetryMiddleware({ maxRetries: 1, initialDelayMs: 0, jitter: false })] as never;
    case "tool wrapper":
      return [
        createMiddleware({
          name: "mine",
          wrapToolCall: async (request, handler) => {
            const result = await handler(request);
            told.push(plain(result));
            return result;
          },
        }),
      ];
    case "model wrapper":
      return [
        createMiddleware({
          name: "mine",
          wrapModelCall: async (request, handler) => {
            const answer = await handler({ ...request, systemPrompt: "Be kind." });
            told.push(plain(answer));
            return answer;
          },
        }),
      ];
    case "node hooks":
      return [
        createMiddleware({
          name: "mine",
          beforeAgent: () => void told.push("before_agent"),
          beforeModel: ({ messages }) => void told.push(["before_model", messages.length]),
          afterModel: {
            canJumpTo: ["end"],
            hook: ({ messages }) =>
              messages.at(-1)?.text.startsWith("hello") === true ? { jumpTo: "end" as const } : undefined,
          },
          afterAgent: ({ messages }) => void told.push(["after_agent", messages.length]),
        }),
      ] as never;
    default:
      throw new Error("no such middleware");
  }
}

/** Everything that can be seen of a run. */
async function play(
  { turns, middleware, mode }: Script,
  policies: readonly Policy[] | undefined,
): Promise<unknown> {
  const [runs, told, seen]: unknown[][] = [[], [], []];
  const model = new ScriptedChatModel(...turns);
  const params = { model, tools: toolsOf(runs!), middleware: middlewareOf(middleware, told!) };
  const agent = createAgent(
    policies === undefined ? params : govern(planeOf(policies), { agent: "a" }, params),
  );
  const input = { messages: [{ role: "user", content: "go, bob@example.com" }] };
  const config = { recursionLimit: 20 };
  let error: unknown;
  try {
    if (mode === "invoke") seen!.push(await agent.invoke(input, config));
    else if (mode === "events") {
      for await (const event of agent.streamEvents(input, { ...config, version: "v2" }))
        if (/^on_(?:chat_model|tool)_/.test(event.event)) seen!.push([event.event, event.name, event.data]);
    } else {
      for await (const part of await agent.stream(input, { ...config, streamMode: mode })) seen!.push(part);
    }
  } catch (thrown) {
    error = thrown instanceof Error ? [thrown.name, thrown.message] : thrown;
  }
  const found = plain({ runs, told, seen, error, prompts: model.prompts, offered: model.offered });
  return { ...(found as object), ...sideBySide(found as Found) };
}

type Found = Readonly<Record<"runs" | "seen" | "told", readonly unknown[]>> & { readonly error?: unknown };

/**
 * Calls of one turn run side by side: what is told of each is the same, whichever is faster. Where one of them ends the
 * run, LangGraph names the messages of those that were faster, and shows the others without a name.
 */
function sideBySide({ runs, seen, told, error }: Found): object {
  const isOfTool = (part: unknown): boolean => /"tool_call_id"|"on_tool_/.test(JSON.stringify(part));
  const unnamed = (part: unknown): unknown =>
    error === undefined ? part : JSON.parse(JSON.stringify(part).replaceAll(/,"id":"id"(?=[,}])/g, ""));
  const byText = (parts: readonly unknown[]): readonly unknown[] =>
    parts.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    runs: byText(runs),
    told: byText(told),
    seen: [...seen.filter((part) => !isOfTool(part)), ...byText(seen.filter(isOfTool).map(unnamed))],
  };
}

const DRAWN = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** LangChain words errors with their stack: where a call came from differs, and says nothing of its behaviour. */
const STACK = /\\n\s+at (?:(?!\\n|").)*/g;

/** Data without what differs from run to run: ids that LangChain draws. Parallel calls keep the order of their ids. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, member: unknown) =>
    BaseMessage.isInstance(member)
      ? { ...member.toDict(), data: { ...member.toDict().data, lc_kwargs: undefined } }
      : member instanceof Error
        ? [member.name, member.message]
        : member,
  );
  return text === undefined
    ? undefined
    : (JSON.parse(text.replaceAll(DRAWN, "id").replaceAll(STACK, "")) as unknown);
}

describe.each(Object.entries(PLANES))("under %s", (_, policies) => {
  it("results, history, streams, errors and retries are what they are without it", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (one) => {
        // Both are parsed JSON; the strict comparison trips over a member named `constructor`.
        expect(await play(one, policies)).toEqual(await play(one, undefined));
      }),
      { numRuns: 60 },
    );
  });
});
