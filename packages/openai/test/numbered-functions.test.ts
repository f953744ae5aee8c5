import type { Policy } from "@agentplane/core";
import { rule } from "@agentplane/core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { guardFunctions, type GuardFunctionsOptions } from "../src/index.ts";
import { governedClient, IDENTITY, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { refund } from "./refund-function.ts";
import { chatReply } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

// As of a model that numbers its calls anew in each conversation.
const CALL = { id: "functions.refund:0", name: "refund", input: { amount: 5 } };
const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "refund" }, then: "escalate" })],
};

function setUp(policies: readonly Policy[] = [], how: GuardFunctionsOptions = {}) {
  const governed = governedClient(provider, { policies: [...policies], approvals: { resolver: "external" } });
  const ran: unknown[] = [];
  // Who gives no session says of no call which conversation it belongs to.
  const tools = guardFunctions(governed.plane, { agent: IDENTITY.agent }, [refund(ran)], how);
  const converse = (content: string) => {
    const messages = [{ role: "user" as const, content }];
    return governed.client.chat.completions.runTools({ model: MODEL, messages, tools: tools as never[] });
  };
  return { ...governed, ran, tools, converse };
}

test("two conversations each run their call of one id", async () => {
  const { plane, ran, converse } = setUp();
  for (const content of ["the order of ann", "the order of bob"]) {
    provider.reset(chatReply("", [CALL]), chatReply("done"));
    // oxlint-disable-next-line no-await-in-loop -- one conversation after the other
    await converse(content).finalContent();
  }
  expect(ran).toHaveLength(2);
  await plane.close();
});

test("two turns of a conversation each run their call of one id", async () => {
  const { plane, ran, converse } = setUp();
  provider.reset(chatReply("", [CALL]), chatReply("", [CALL]), chatReply("done"));
  await converse("all of my orders").finalContent();
  expect(ran).toHaveLength(2);
  await plane.close();
});

test("a conversation that is played again runs its call once", async () => {
  const { plane, ran, converse } = setUp();
  for (let time = 0; time < 2; time++) {
    provider.reset(chatReply("", [CALL]), chatReply("done"));
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is tested
    await converse("the order of ann").finalContent();
    expect(ran).toHaveLength(1);
  }
  await plane.close();
});

test("each conversation asks about its own call of one id", async () => {
  const { plane, ran, converse } = setUp([ASK]);
  provider.reset(chatReply("", [CALL]), chatReply("", [CALL]), chatReply("done"), chatReply("done"));
  const conversations = ["the order of ann", "the order of bob"].map((content) =>
    converse(content).finalContent(),
  );
  await expect.poll(() => plane.approvals.list({ status: "pending" })).toHaveLength(2);
  const [first, second] = await plane.approvals.list({ status: "pending" });
  await plane.approvals.approve(first?.id ?? "", { by: "olga", role: "operator" });
  await expect.poll(() => ran).toHaveLength(1);
  await plane.approvals.deny(second?.id ?? "", { by: "olga", role: "operator" });
  await Promise.all(conversations);
  expect(ran).toHaveLength(1);
  await plane.close();
});

test("what was approved for one conversation is used by no other", async () => {
  const { plane, ran, converse } = setUp([ASK], { onPending: "throw" });
  const conversation = async (content: string): Promise<unknown> => {
    provider.reset(chatReply("", [CALL]), chatReply("done"));
    return converse(content).finalContent();
  };
  await expect(conversation("the order of ann")).rejects.toThrow("approval");
  const [asked] = await plane.approvals.list({ status: "pending" });
  await plane.approvals.approve(asked?.id ?? "", { by: "olga", role: "operator" });
  await expect(conversation("the order of bob")).rejects.toThrow("approval");
  expect(ran).toHaveLength(0);
  await conversation("the order of ann");
  expect(ran).toHaveLength(1);
  await plane.close();
});

test("a turn reads what was said before once, however many calls it makes", async () => {
  const reads = async (count: number): Promise<number> => {
    const { plane, client, tools, ran } = setUp();
    const calls = Array.from({ length: count }, (_, at) => ({ ...CALL, id: `call_${at}` }));
    provider.reset(chatReply("", calls), chatReply("done"));
    let read = 0;
    const said = {
      role: "user" as const,
      get content() {
        return (read++, "all of my orders");
      },
    };
    await client.chat.completions
      .runTools({ model: MODEL, messages: [said], tools: tools as never[] })
      .finalContent();
    expect(ran).toHaveLength(count);
    await plane.close();
    return read;
  };
  expect(await reads(5)).toBe(await reads(1));
});
