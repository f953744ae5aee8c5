import http from "node:http";

import { memorySink, rule, type PlaneOptions, type RuleSpec } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { gatedAt } from "./gated-rule.ts";
import { begun, HEADERS, INITIALIZE, json, SESSION } from "./http/proxied.ts";
import { asked as askedOf, modernCall, post, proxied, scripted } from "./http/proxied.ts";
import { callOf, request, wiredRelay } from "./wired-relay.ts";

const cancel = (requestId: unknown): Record<string, unknown> => ({
  jsonrpc: "2.0",
  method: "notifications/cancelled",
  params: { requestId },
});
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A gate at a hookpoint, one call's worth of time, and what is recorded of calls there. */
function gated(hookpoint: string, ...more: readonly RuleSpec[]) {
  const { planeOptions, ...gate } = gatedAt(hookpoint);
  const sink = memorySink();
  const time = rule.timeBudget({ limit: "1500ms", estimate: "1s", window: "1h", per: "agent" });
  const policy = { id: "time", selector: { hookpoints: [hookpoint] }, blocking: [time, ...more] };
  const options: PlaneOptions = {
    ...planeOptions,
    audit: sink,
    policies: [...(planeOptions.policies ?? []), policy],
  };
  const recorded = (): readonly unknown[] => {
    const records = sink.records();
    const own = records.filter((one) => one.kind === "decision" && one.decision.hookpoint === hookpoint);
    const ids = new Set(own.map((one) => (one.kind === "decision" ? one.decision.id : "")));
    const ends = records.filter((one) => one.kind === "outcome" && ids.has(one.decisionId));
    return [own.length, ...ends.map((one) => (one.kind === "outcome" ? one.outcome : ""))];
  };
  return { ...gate, options, recorded };
}

describe("what is given up while rules think is not asked", () => {
  test("a client's call: it has one outcome, holds nothing, and is not answered", async () => {
    const { options, asked, letGo, recorded } = gated("before_tool_call");
    const wired = wiredRelay(options, {
      serve: ({ id }) => (id === undefined ? undefined : { result: { content: [] } }),
    });
    wired.client(callOf(1, "slow"));
    await expect.poll(asked).toBe(1);
    wired.client(cancel(1));
    letGo();
    await expect.poll(recorded).toStrictEqual([1, "failed"]);
    await settled();
    expect([wired.toServer, wired.toClient]).toStrictEqual([[], []]);
    // Its id is free again, and so is its time.
    wired.client(callOf(1, "slow"));
    expect(await wired.answer(1)).toStrictEqual({ jsonrpc: "2.0", id: 1, result: { content: [] } });
    expect(wired.toServer).toHaveLength(1);
    await wired.plane.close();
  });

  test("a server's question to the client's model", async () => {
    const { options, asked, letGo, recorded } = gated("before_model_call");
    const wired = wiredRelay(options);
    wired.server(request("s", "sampling/createMessage", { messages: [], maxTokens: 9 }));
    await expect.poll(asked).toBe(1);
    wired.server(cancel("s"));
    letGo();
    await expect.poll(recorded).toStrictEqual([1, "failed"]);
    await settled();
    expect([wired.toServer, wired.toClient]).toStrictEqual([[], []]);
    await wired.plane.close();
  });

  test("what no rule is about, while it is looked whether the agent is stopped", async () => {
    const { options, asked, letGo } = gated("before_agent");
    const wired = wiredRelay(options);
    wired.client(request("u", "unheard/of"));
    await expect.poll(asked).toBeGreaterThan(0);
    wired.client(cancel("u"));
    letGo();
    await settled();
    await settled();
    expect([wired.toServer, wired.toClient]).toStrictEqual([[], []]);
    await wired.plane.close();
  });

  test("what rules still think about when the connection is closed", async () => {
    const { options, asked, letGo, recorded } = gated("before_tool_call");
    const wired = wiredRelay(options);
    wired.client(callOf(1, "slow"));
    await expect.poll(asked).toBe(1);
    const closed = wired.relay.close();
    letGo();
    await closed;
    await expect.poll(recorded).toStrictEqual([1, "failed"]);
    expect([wired.toServer, wired.toClient]).toStrictEqual([[], []]);
    await wired.plane.close();
  });

  test("nobody is asked whether it may be", async () => {
    const ask = rule.condition({ where: { tool: "slow" }, then: "escalate" });
    const { options, asked, letGo, recorded } = gated("before_tool_call", ask);
    const wired = wiredRelay(options);
    const capabilities = { elicitation: {} };
    wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities }));
    await wired.asked(1);
    wired.server({ jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    await wired.answer(0);
    wired.client(callOf(1, "slow"));
    await expect.poll(asked).toBe(1);
    wired.client(cancel(1));
    letGo();
    await expect.poll(recorded).toStrictEqual([1]);
    await settled();
    expect(wired.toClient).toHaveLength(1);
    await wired.plane.close();
  });
});

/** A proxy before a server with a session that has begun. */
async function behind(options: PlaneOptions) {
  const server = await scripted((got, response) => {
    if (!begun(got, response)) json(response, { jsonrpc: "2.0", id: askedOf(got).id, result: {} });
  });
  const { url } = await proxied(server.url, options);
  await (await post(url, INITIALIZE)).text();
  return { url, sent: () => server.got.map((one) => askedOf(one).method) };
}

describe("over HTTP", () => {
  test("a call that the client of a session cancels meanwhile is not sent", async () => {
    const { options, asked, letGo, recorded } = gated("before_tool_call");
    const { url, sent } = await behind(options);
    const call = post(url, callOf(1, "slow"), SESSION);
    await expect.poll(asked).toBe(1);
    expect((await post(url, cancel(1), SESSION)).status).toBe(202);
    letGo();
    await expect.poll(recorded).toStrictEqual([1, "failed"]);
    expect(await (await call).text()).toBe("");
    expect(sent()).toStrictEqual(["initialize"]);
  });

  test.each([
    ["2026-07-28", modernCall(1, "slow")],
    ["a session", { message: callOf(1, "slow"), headers: SESSION }],
  ])("a call whose client leaves meanwhile is not sent: %s", async (_era, { message, headers }) => {
    const { options, asked, letGo, recorded } = gated("before_tool_call");
    const { url, sent } = await behind(options);
    const body = JSON.stringify(message);
    const client = http.request(url, { method: "POST", headers: { ...HEADERS, ...headers }, agent: false });
    client.on("error", () => undefined).end(body);
    await expect.poll(asked).toBe(1);
    client.destroy();
    await new Promise((resolve) => client.on("close", resolve));
    // The proxy has heard of it before it answers this.
    await post(url, "{}");
    letGo();
    await expect.poll(recorded).toStrictEqual([1, "failed"]);
    expect(sent()).toStrictEqual(["initialize"]);
  });
});
