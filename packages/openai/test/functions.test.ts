import { rule, type Policy } from "@agentplane/core";

import { zodFunction } from "openai/helpers/zod";

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

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

const NO_REFUNDS: Policy = {
  id: "small-refunds",
  selector: { hookpoints: ["before_tool_call"] },
  blocking: [rule.condition({ where: { tool: "refund", input: { amount: { gt: 100 } } } })],
};
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

describe("functions of runTools", () => {
  test("a blocked one does not run, and the model reads why", async () => {
    const governed = governedClient(provider, { policies: [NO_REFUNDS] });
    const seen: unknown[] = [];
    const told = await toldOf(governed, guardFunctions(governed.plane, IDENTITY, [refund(seen)]), [
      { id: "c1", name: "refund", input: { amount: 900 } },
      { id: "c2", name: "refund", input: { amount: 5 } },
    ]);
    expect(told[0]).toMatch(/^Error: /);
    expect(told[1]).toBe("paid");
    expect(seen).toStrictEqual([{ amount: 5 }]);
    await governed.plane.close();
  });

  test("those of zodFunction are guarded too", async () => {
    const governed = governedClient(provider, { policies: [NO_REFUNDS] });
    const seen: unknown[] = [];
    const tool = zodFunction({
      name: "refund",
      parameters: z.object({ amount: z.number() }),
      function: async (input) => {
        seen.push(input);
        return "paid";
      },
    });
    const guarded = guardFunctions(governed.plane, IDENTITY, [tool]);
    const told = await toldOf(governed, guarded, [{ id: "c1", name: "refund", input: { amount: 900 } }]);
    expect(told[0]).toMatch(/^Error: /);
    expect(
      await toldOf(governed, guarded, [{ id: "c2", name: "refund", input: { amount: 9 } }]),
    ).toStrictEqual(["paid"]);
    expect(seen).toStrictEqual([{ amount: 9 }]);
    await governed.plane.close();
  });

  test("one that takes text is decided by what the text says, and given the text", async () => {
    const governed = governedClient(provider, { policies: [NO_REFUNDS] });
    const seen: unknown[] = [];
    const tool = refund(seen);
    const plain = {
      ...tool,
      function: {
        ...tool.function,
        parse: undefined,
        function: async (text: string) => (seen.push(text), "paid"),
      },
    };
    const guarded = guardFunctions(governed.plane, IDENTITY, [plain]);
    const told = await toldOf(governed, guarded, [
      { id: "c1", name: "refund", input: { amount: 900 } },
      { id: "c2", name: "refund", input: { amount: 5 } },
    ]);
    expect(told).toStrictEqual([expect.stringMatching(/^Error: /), "paid"]);
    expect(seen).toStrictEqual(['{"amount":5}']);
    await governed.plane.close();
  });

  test("its result is redacted", async () => {
    const policies = [{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }];
    const governed = governedClient(provider, { policies });
    const tool = refund([]);
    const leaky = {
      ...tool,
      function: { ...tool.function, function: async () => "paid to mira@example.com" },
    };
    const told = await toldOf(governed, guardFunctions(governed.plane, IDENTITY, [leaky]), [
      { id: "c1", name: "refund", input: {} },
    ]);
    expect(told[0]).toMatch(/^paid to /);
    expect(told[0]).not.toContain("example");
    await governed.plane.close();
  });

  test("one that waits for an approval runs once it is given; another tenant's does not run with it", async () => {
    const governed = governedClient(provider, { policies: [ASK], approvals: { resolver: "external" } });
    const [acme, globex]: [unknown[], unknown[]] = [[], []];
    const call = { id: "c1", name: "refund", input: { amount: 1 } };
    const run = (tools: readonly RunnableTool[]): Promise<unknown[]> => toldOf(governed, tools, [call]);
    const first = run(guardFunctions(governed.plane, IDENTITY, [refund(acme)]));
    await expect.poll(() => governed.plane.approvals.list({ status: "pending" })).toHaveLength(1);
    const [pending] = await governed.plane.approvals.list({ status: "pending" });
    const other = guardFunctions(governed.plane, { ...IDENTITY, tenant: "globex" }, [refund(globex)]);
    const [tool] = other;
    const second = Reflect.apply((tool as ReturnType<typeof refund>).function.function, undefined, [
      { amount: 1 },
      {},
    ]);
    await expect.poll(() => governed.plane.approvals.list({ status: "pending" })).toHaveLength(2);
    await governed.plane.approvals.approve(pending?.id ?? "", { by: "olga", role: "operator" });
    expect(await first).toStrictEqual(["paid"]);
    expect([acme, globex]).toStrictEqual([[{ amount: 1 }], []]);
    const [waiting] = await governed.plane.approvals.list({ status: "pending" });
    await governed.plane.approvals.deny(waiting?.id ?? "", { by: "olga", role: "operator" });
    expect(await second).toMatch(/^Error: /);
    expect(globex).toStrictEqual([]);
    await governed.plane.close();
  });

  test("with onPending throw the run ends with the approval's id", async () => {
    const governed = governedClient(provider, { policies: [ASK], approvals: { resolver: "external" } });
    const tools = guardFunctions(governed.plane, IDENTITY, [refund([])], { onPending: "throw" });
    const error = await rejected(toldOf(governed, tools, [{ id: "c1", name: "refund", input: {} }]));
    const [pending] = await governed.plane.approvals.list({ status: "pending" });
    expect(error).toMatchObject({ cause: { code: "approval_pending", approvalId: pending?.id } });
    await governed.plane.close();
  });

  test("one of a loop of one's own over the Responses API runs once for each id of a call", async () => {
    const { plane } = governedClient(provider, { policies: [NO_REFUNDS] });
    const seen: unknown[] = [];
    const own = {
      type: "function" as const,
      name: "refund",
      async function(input: object, _call: { readonly callId: string }): Promise<string> {
        seen.push(input);
        return "paid";
      },
    };
    const [tool] = guardFunctions(plane, { ...IDENTITY, session: "s1" }, [own]);
    expect(await tool?.function({ amount: 5 }, { callId: "c1" })).toBe("paid");
    expect(await tool?.function({ amount: 5 }, { callId: "c1" })).toMatch(/^Error: /);
    expect(await tool?.function({ amount: 900 }, { callId: "c2" })).toMatch(/^Error: /);
    expect(seen).toStrictEqual([{ amount: 5 }]);
    await plane.close();
  });

  test("a hosted tool, and what is no function, are left as they are", () => {
    const { plane } = governedClient(provider);
    const tools = [{ type: "web_search" }, { type: "function", function: { name: "later" } }];
    expect(guardFunctions(plane, IDENTITY, tools)).toStrictEqual(tools);
  });
});
