import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { expect, onTestFinished, test, vi } from "vitest";

import { piped } from "./bridge/piped.ts";
import { gatedAt } from "./gated-rule.ts";
import { callOf as httpCall, INITIALIZE, modernCall, post, proxied } from "./http/proxied.ts";
import { callOf, request, wiredRelay } from "./wired-relay.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })],
};
/** Ends when it is told that the client has begun; one that is started again does not. */
const SERVER = `
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line);
  if (method === "initialize") answer(id, { protocolVersion: "2025-11-25", capabilities: {} });
  if (method === "notifications/unheard") process.exit(3);
});`;
/** Thinks for a while. */
const SLOW = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id } = JSON.parse(line);
  setTimeout(() => console.log(JSON.stringify({ jsonrpc: "2.0", id, result: {} })), 50);
});`;
const COMMAND = { command: process.execPath, args: ["-e", SERVER] };
const END = { jsonrpc: "2.0", method: "notifications/unheard" };

/** Approves the only question, once it is asked. */
async function approve({ approvals }: AgentPlane): Promise<void> {
  await expect.poll(async () => (await approvals.list()).length).toBe(1);
  const [question] = await approvals.list();
  await approvals.approve(question?.id ?? "", { by: "olga", role: "operator" });
}

test("a call that waits for a person outlives the server, and goes to the one that follows", async () => {
  const { client, relay, plane, asked, toServer } = wiredRelay({ policies: [ASK] });
  client(callOf(1, "pay"));
  await expect.poll(async () => (await plane.approvals.list()).length).toBe(1);
  relay.serverGone("the server ended");
  // Nor is it ended by a server that answers what it was not asked.
  relay.fromServer(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}'));
  await approve(plane);
  expect(await asked(1)).toMatchObject([{ id: 1, method: "tools/call" }]);
  expect(toServer).toHaveLength(1);
  await plane.close();
});

test("it can be cancelled all the same", async () => {
  const { client, relay, plane, toClient, toServer } = wiredRelay({ policies: [ASK] });
  client(callOf(1, "pay"));
  await expect.poll(async () => (await plane.approvals.list()).length).toBe(1);
  relay.serverGone("the server ended");
  await Promise.resolve();
  client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await approve(plane);
  client(request(2, "ping"));
  await expect.poll(() => toServer.filter((text) => text.includes("ping"))).toHaveLength(1);
  expect(toServer.join()).not.toContain("tools/call");
  expect(toClient).toStrictEqual([]);
  await plane.close();
});

test("what the server that ended had asked is nobody's question any more, and its id is free", async () => {
  const { client, server, relay, plane, asked, answer, toClient, toServer } = wiredRelay();
  client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: { elicitation: {} } }));
  await asked(1);
  server({ jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } });
  await answer(0);
  server(request(7, "elicitation/create", { message: "Old?", requestedSchema: {} }));
  await expect.poll(() => toClient.join()).toContain("Old?");
  relay.serverGone("the server ended");
  await expect.poll(() => toClient.at(-1)).toContain('"notifications/cancelled","params":{"requestId":7');
  server(request(7, "elicitation/create", { message: "New?", requestedSchema: {} }));
  await expect.poll(() => toClient.at(-1)).toContain("New?");
  client({ jsonrpc: "2.0", id: 7, result: { action: "accept", content: { of: "new" } } });
  await expect.poll(() => toServer.filter((text) => text.includes('"accept"'))).toHaveLength(1);
  await plane.close();
});

test.each([
  ["an elicitation", "before_elicitation", { message: "Old?", requestedSchema: {} }],
  [
    "one that is declined",
    "before_elicitation",
    { mode: "url", message: "Old?", url: "javascript:alert(1)" },
  ],
  ["what no rule is about", "before_agent", { message: "Old?" }],
])("%s that rules still think about when its server ends reaches nobody", async (what, hookpoint, params) => {
  const { planeOptions, asked, letGo } = gatedAt(hookpoint);
  const { client, server, relay, plane, toClient, toServer } = wiredRelay(planeOptions);
  const before = asked();
  server(request(7, what === "what no rule is about" ? "unheard/of" : "elicitation/create", params));
  await expect.poll(asked).toBeGreaterThan(before);
  relay.serverGone("the server ended");
  letGo();
  // The next one counts from the same number.
  server(request(7, "elicitation/create", { message: "New?", requestedSchema: {} }));
  await expect.poll(() => toClient.join()).toContain("New?");
  client({ jsonrpc: "2.0", id: 7, result: { action: "accept", content: { of: "new" } } });
  await expect.poll(() => toServer.join()).toContain('"accept"');
  expect(toClient.join()).not.toContain("Old?");
  expect(toServer).toHaveLength(1);
  await plane.close();
});

test("a call that is let go on while there is no server gets an error over standard streams", async () => {
  const { write, answer, logged, plane } = piped(COMMAND, { policies: [ASK] });
  write(INITIALIZE);
  await answer(0);
  write(callOf(1, "pay"));
  await expect.poll(async () => (await plane.approvals.list()).length).toBe(1);
  write(END);
  await expect.poll(() => logged.join()).toContain("the server ended");
  await approve(plane);
  expect(await answer(1)).toMatchObject({ error: { code: -31_503 } });
});

test("and over HTTP, where the session has ended with its server", async () => {
  const logged: string[] = [];
  const log = (line: string): void => void logged.push(line);
  const { url, plane } = await proxied(
    "http://127.0.0.1:1/",
    { policies: [ASK] },
    { upstream: COMMAND, log, canClientApprove: false },
  );
  const session = { "mcp-session-id": (await post(url, INITIALIZE)).headers.get("mcp-session-id") ?? "" };
  const call = post(url, httpCall(1, "pay"), session);
  await expect.poll(async () => (await plane.approvals.list()).length).toBe(1);
  await post(url, END, session);
  await expect.poll(() => logged.join()).toContain("the server ended");
  await approve(plane);
  expect(await (await call).text()).toContain("-31503");
});

test("over HTTP a session whose server has ended is not known, also where nothing was asked meanwhile", async () => {
  const logged: string[] = [];
  const log = (line: string): void => void logged.push(line);
  const { url } = await proxied("http://127.0.0.1:1/", {}, { upstream: COMMAND, log });
  const session = { "mcp-session-id": (await post(url, INITIALIZE)).headers.get("mcp-session-id") ?? "" };
  await post(url, END, session);
  await expect.poll(() => logged.join()).toContain("the server ended");
  expect((await post(url, httpCall(1, "find"), session)).status).toBe(404);
});

test("a client that says everything at once and leaves gets its answers", async () => {
  const { write, leave, said } = piped({ command: process.execPath, args: ["-e", SLOW] });
  write(INITIALIZE);
  write(callOf(1, "find"));
  await leave();
  expect(said.map(({ id, result }) => [id, result])).toStrictEqual(
    expect.arrayContaining([
      [0, {}],
      [1, {}],
    ]),
  );
});

test("one that leaves is not waited for without end", async () => {
  const { write, leave, said, plane } = piped(COMMAND, { policies: [ASK] });
  write(callOf(1, "pay"));
  await expect.poll(async () => (await plane.approvals.list()).length).toBe(1);
  // Only from here on: `expect.poll` would let the timers run on.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const left = leave();
  while (vi.getTimerCount() === 0)
    // oxlint-disable-next-line no-await-in-loop -- until it has read that its input has ended
    await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(29_999);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  await left;
  expect(said).toStrictEqual([]);
});

const CRASHES = { command: process.execPath, args: ["-e", "process.exit(3)"] };

test("a server that ends again and again is started with growing patience", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { logged } = piped(CRASHES);
  onTestFinished(() => void vi.useRealTimers());
  for (const [at, waitMs] of [250, 500, 1_000].entries()) {
    // `expect.poll` would let the timers run on.
    while (logged.filter((line) => line.includes("exit code 3")).length <= at)
      // oxlint-disable-next-line no-await-in-loop -- until it has ended
      await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(waitMs - 1);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(vi.getTimerCount()).toBe(0);
  }
});

test("one that requests without a session share is not started again within a second", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { url } = await proxied("http://127.0.0.1:1/", {}, { upstream: CRASHES });
  const { message, headers } = modernCall(1, "f");
  const status = async (): Promise<number> => (await post(url, message, headers)).status;
  expect(await status()).toBe(502);
  expect(await status()).toBe(503);
  vi.advanceTimersByTime(1_000);
  expect(await status()).toBe(502);
});
