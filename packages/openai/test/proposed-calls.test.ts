import { rule, type Policy } from "@agentplane/core";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isPolicyError } from "../src/index.ts";
import { collected, governedClient, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider, type Reply } from "./provider.ts";
import { chatEvents, chatReply, responsesBody, responsesEvents, type Call } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const POLICY: Policy = {
  id: "small-refunds",
  selector: { hookpoints: ["before_tool_call"] },
  blocking: [rule.condition({ where: { tool: "refund", input: { amount: { gt: 100 } } } })],
};
const LARGE: Call = { id: "c1", name: "refund", input: { amount: 900 } };
const SMALL: Call = { id: "c2", name: "refund", input: { amount: 5 } };
const chat = { model: MODEL, messages: MESSAGES };
const response = { model: MODEL, input: "hello" };

interface Way {
  readonly name: string;
  readonly reply: (calls: readonly Call[]) => Reply;
  readonly ask: (client: OpenAI) => Promise<unknown>;
}

const WAYS: readonly Way[] = [
  { name: "chat", reply: (calls) => chatReply("ok", calls), ask: (c) => c.chat.completions.create(chat) },
  {
    name: "chat stream",
    reply: (calls) => ({ stream: chatEvents(["ok"], calls) }),
    ask: async (c) => collected(await c.chat.completions.create({ ...chat, stream: true })),
  },
  {
    name: "responses",
    reply: (calls) => ({ json: responsesBody("ok", calls) }),
    ask: (c) => c.responses.create(response),
  },
  {
    name: "responses stream",
    reply: (calls) => ({ stream: responsesEvents(["ok"], calls) }),
    ask: async (c) => collected(await c.responses.create({ ...response, stream: true })),
  },
];

describe.each(WAYS)("a call that the model proposes in $name", ({ reply, ask }) => {
  test("is shown when the plane would let it go on", async () => {
    const { client, plane } = governedClient(provider, { policies: [POLICY] });
    provider.reset(reply([SMALL]));
    expect(JSON.stringify(await ask(client))).toContain("refund");
    await plane.close();
  });

  test("is withheld with the whole answer when the plane would not: whoever reads it could run it", async () => {
    const { client, plane } = governedClient(provider, { policies: [POLICY] });
    provider.reset(reply([SMALL, LARGE]));
    const error = await rejected(ask(client));
    expect(isPolicyError(error)).toBe(true);
    expect(String(error)).toContain("refund");
    await plane.close();
  });

  test("is left alone where the application says so", async () => {
    const { client, plane } = governedClient(provider, { policies: [POLICY] }, { proposedCalls: "leave" });
    provider.reset(reply([LARGE]));
    expect(JSON.stringify(await ask(client))).toContain("refund");
    await plane.close();
  });
});

test("a stream shows nothing of a refused call, not even its beginning", async () => {
  const { client, plane } = governedClient(provider, { policies: [POLICY] });
  provider.reset({ stream: chatEvents(["ok"], [LARGE]) });
  const seen: unknown[] = [];
  const stream = await client.chat.completions.create({ ...chat, stream: true });
  await rejected(
    (async () => {
      for await (const chunk of stream) seen.push(chunk);
    })(),
  );
  expect(JSON.stringify(seen)).toContain("ok");
  expect(JSON.stringify(seen)).not.toContain("refund");
  await plane.close();
});

test.each(["computer_call", "local_shell_call", "shell_call", "apply_patch_call"])(
  "a %s is judged under the name of its tool",
  async (type) => {
    const name = type.replace("_call", "");
    const policies = [{ id: "no-machines", blocking: [rule.denylist({ tools: [name] })] }];
    const { client, plane } = governedClient(provider, { policies });
    const item = {
      id: "x",
      type,
      call_id: "c1",
      status: "completed",
      action: { command: ["rm", "-rf", "/"] },
    };
    provider.reset({ json: { ...responsesBody(""), output: [item] } });
    expect(isPolicyError(await rejected(client.responses.create(response)))).toBe(true);
    await plane.close();
  },
);
