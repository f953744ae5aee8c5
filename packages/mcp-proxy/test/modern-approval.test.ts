import { rule, type Policy } from "@agentplane/core";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { request, wiredRelay } from "./wired-relay.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
};
const PAY = { name: "pay", arguments: { amount: 5 }, _meta: META };
const YES = { "agentplane/approval": { action: "accept", content: { approve: true } } };

interface Asked {
  readonly result: {
    readonly requestState: string;
    readonly inputRequests: Record<string, { method: string }>;
  };
}

function wired() {
  return wiredRelay(
    { policies: [ASK] },
    { serve: () => ({ result: { content: [], resultType: "complete" } }) },
  );
}

async function asked(
  relay: ReturnType<typeof wired>,
  id: number,
  params: Record<string, unknown> = PAY,
): Promise<Asked> {
  relay.client(request(id, "tools/call", params));
  // The relay asked for an approval: this is the shape of it.
  return (await relay.answer(id)) as unknown as Asked;
}

describe("an approval in the protocol of 2026-07-28", () => {
  test("is asked by a result, and the call runs once when the client comes back with the answer", async () => {
    const relay = wired();
    const { result } = await asked(relay, 1);
    expect(result).toMatchObject({
      resultType: "input_required",
      inputRequests: { "agentplane/approval": { method: "elicitation/create" } },
    });
    expect(relay.toServer).toHaveLength(0);
    relay.client(
      request(2, "tools/call", { ...PAY, inputResponses: YES, requestState: result.requestState }),
    );
    expect(await relay.answer(2)).toMatchObject({ result: { resultType: "complete" } });
    expect(relay.toServer).toHaveLength(1);
    expect(relay.toServer[0]).not.toContain("agentplane/approval");
    expect(relay.toServer[0]).not.toContain("requestState");
    relay.client(
      request(3, "tools/call", { ...PAY, inputResponses: YES, requestState: result.requestState }),
    );
    expect(await relay.answer(3)).toMatchObject({ error: { code: -32602 } });
    expect(relay.toServer).toHaveLength(1);
    await relay.plane.close();
  });

  test("that is declined refuses the call", async () => {
    const relay = wired();
    const { result } = await asked(relay, 1);
    const no = { "agentplane/approval": { action: "decline" } };
    relay.client(request(2, "tools/call", { ...PAY, inputResponses: no, requestState: result.requestState }));
    await relay.answer(2);
    expect(relay.toServer).toHaveLength(0);
    await relay.plane.close();
  });

  test.each([
    ["changed", (state: string) => `${state.slice(0, -3)}abc`, PAY],
    ["of another call", (state: string) => state, { ...PAY, arguments: { amount: 500 } }],
    ["left out", () => undefined, PAY],
  ])("whose state was %s does not let the call go on", async (_name, change, params) => {
    const relay = wired();
    const { result } = await asked(relay, 1);
    const requestState = change(result.requestState);
    relay.client(
      request(2, "tools/call", {
        ...params,
        inputResponses: YES,
        ...(requestState !== undefined && { requestState }),
      }),
    );
    expect(await relay.answer(2)).toMatchObject({ error: { code: -32602 } });
    expect(relay.toServer).toHaveLength(0);
    await relay.plane.close();
  });

  test("of another connection does not let the call go on", async () => {
    const [relay, other] = [wired(), wired()];
    const { result } = await asked(relay, 1);
    await asked(other, 1);
    other.client(
      request(2, "tools/call", { ...PAY, inputResponses: YES, requestState: result.requestState }),
    );
    expect(await other.answer(2)).toMatchObject({ error: { code: -32602 } });
    await Promise.all([relay.plane.close(), other.plane.close()]);
  });

  test("whose state is too old does not let the call go on", async () => {
    const relay = wired();
    const { result } = await asked(relay, 1);
    const again = { ...PAY, inputResponses: YES, requestState: result.requestState };
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    onTestFinished(() => void vi.useRealTimers());
    relay.client(request(2, "tools/call", again));
    expect(await relay.answer(2)).toMatchObject({ error: { code: -32602 } });
    // It is the time alone that was wrong with it.
    vi.useRealTimers();
    relay.client(request(3, "tools/call", again));
    expect(await relay.answer(3)).toMatchObject({ result: { resultType: "complete" } });
    await relay.plane.close();
  });

  test("carries the server's own state, and gives it back to the server", async () => {
    const relay = wired();
    const mine = { ...PAY, inputResponses: { theirs: { action: "accept" } }, requestState: "theirs" };
    const { result } = await asked(relay, 1, mine);
    const both = { ...mine.inputResponses, ...YES };
    relay.client(
      request(2, "tools/call", { ...PAY, inputResponses: both, requestState: result.requestState }),
    );
    await relay.answer(2);
    expect(JSON.parse(relay.toServer[0] ?? "")).toMatchObject({
      params: { inputResponses: { theirs: { action: "accept" } }, requestState: "theirs" },
    });
    await relay.plane.close();
  });

  test("is not asked of a client that cannot ask: an operator answers", async () => {
    const relay = wiredRelay({ policies: [ASK] }, { approvalWaitMs: 0 });
    const meta = { ...META, "io.modelcontextprotocol/clientCapabilities": {} };
    relay.client(request(1, "tools/call", { ...PAY, _meta: meta }));
    expect(await relay.answer(1)).toMatchObject({ result: { isError: true, resultType: "complete" } });
    await relay.plane.close();
  });
});
