import { rule, type Policy } from "@agentplane/core";
import { APIUserAbortError } from "openai";

import { ChatCompletionRunner } from "openai/lib/ChatCompletionRunner";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFunctions, type RunnableTool } from "../src/index.ts";
import {
  governedClient,
  IDENTITY,
  MESSAGES,
  MODEL,
  rejected,
  type GovernedClient,
} from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { refund } from "./refund-function.ts";
import { chatReply, type Call } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const ASK: Policy = {
  id: "ask",
  selector: { tools: ["refund"] },
  blocking: [rule.condition({ where: { tool: "refund" }, then: "escalate" })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

/** Runs one turn of calls and gives what the model was told of them. */
async function toldOf(
  { client }: GovernedClient,
  tools: readonly RunnableTool[],
  calls: readonly Call[],
): Promise<unknown[]> {
  provider.reset(chatReply("", calls), chatReply("done"));
  // The SDK's type of a tool is bound to its schema; these are such tools.
  const params = { model: MODEL, messages: MESSAGES, tools: tools as never[] };
  await client.chat.completions.runTools(params).finalContent();
  const messages = provider.last.json["messages"] as readonly { role: string; content: unknown }[];
  return messages.filter(({ role }) => role === "tool").map(({ content }) => content);
}

describe("the signal of a guarded function", () => {
  test("one that runs is told by its signal that an operator stops it, and its run goes on as it was", async () => {
    const governed = governedClient(provider);
    const seen: { signal?: AbortSignal; runner?: unknown; again?: boolean } = {};
    const tool = {
      ...refund([]),
      function: {
        ...refund([]).function,
        async function(_input: object, runner: ChatCompletionRunner<unknown>) {
          const { controller } = runner;
          const { signal } = controller;
          Object.assign(seen, { signal, runner, again: controller === runner.controller });
          expect([signal.aborted, runner.aborted, runner.messages.length]).toStrictEqual([false, false, 2]);
          await governed.plane.controls.unplug(
            { kind: "tool", id: "refund" },
            { by: "olga", reason: "stop" },
          );
          return "paid";
        },
      },
    };
    const guarded = guardFunctions(governed.plane, IDENTITY, [tool]);
    const told = await toldOf(governed, guarded, [{ id: "c1", name: "refund", input: {} }]);
    expect(told).toStrictEqual([expect.stringMatching(/^Error: /)]);
    expect(seen).toMatchObject({ signal: { aborted: true }, again: true });
    expect(seen.runner).toBeInstanceOf(ChatCompletionRunner);
    await governed.plane.close();
  });

  test("the signal of one that runs fires when its caller gives the run up, and it may end the run itself", async () => {
    const governed = governedClient(provider);
    const seen: AbortSignal[] = [];
    const tool = {
      ...refund([]),
      function: {
        ...refund([]).function,
        async function(_input: object, { controller }: ChatCompletionRunner<unknown>) {
          seen.push(controller.signal);
          controller.abort();
          return "paid";
        },
      },
    };
    const guarded = guardFunctions(governed.plane, IDENTITY, [tool]);
    const told = toldOf(governed, guarded, [{ id: "c1", name: "refund", input: {} }]);
    expect(await rejected(told)).toBeInstanceOf(APIUserAbortError);
    expect(seen).toMatchObject([{ aborted: true }]);
    await governed.plane.close();
  });

  test.for([undefined, { callId: "c1" }])(
    "one of a loop of one's own has the signal in its second argument, %o",
    async (given) => {
      const { plane } = governedClient(provider);
      const seen: { readonly callId?: string; readonly signal?: AbortSignal }[] = [];
      const own = {
        type: "function" as const,
        name: "refund",
        async function(_input: object, call?: (typeof seen)[number]): Promise<string> {
          seen.push({ ...call });
          await plane.controls.unplug({ kind: "tool", id: "refund" }, { by: "olga", reason: "stop" });
          return "paid";
        },
      };
      const [tool] = guardFunctions(plane, IDENTITY, [own]);
      expect(await tool?.function({}, given)).toMatch(/^Error: /);
      expect(seen).toMatchObject([{ ...given, signal: { aborted: true } }]);
      await plane.close();
    },
  );

  test.for(["before", "after"] as const)(
    "one that waits for a human does not run once its caller gave up, %s it is approved",
    async (when) => {
      const governed = governedClient(provider, { policies: [ASK], approvals: { resolver: "external" } });
      const seen: unknown[] = [];
      const [tool] = guardFunctions(governed.plane, IDENTITY, [refund(seen)]);
      const caller = new AbortController();
      const run = tool?.function.function as (input: object, call: object) => Promise<string>;
      const running = run({ amount: 1 }, { callId: "c1", signal: caller.signal });
      await expect.poll(() => governed.plane.approvals.list({ status: "pending" })).toHaveLength(1);
      const [pending] = await governed.plane.approvals.list({ status: "pending" });
      if (when === "before") caller.abort(new Error("enough"));
      const approved = governed.plane.approvals.approve(pending?.id ?? "", { by: "olga", role: "operator" });
      if (when === "after") caller.abort(new Error("enough"));
      await expect(running).rejects.toThrow("enough");
      await approved;
      expect(seen).toStrictEqual([]);
      await governed.plane.close();
    },
  );
});
