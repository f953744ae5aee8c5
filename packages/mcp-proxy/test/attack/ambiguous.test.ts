import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const words = { content: [{ type: "text", text: MAIL }] };

/** What reaches the client of a server that answers each of these with this. */
async function answered(method: string, params: Record<string, unknown>, given: Record<string, unknown>) {
  const wired = wiredRelay({ policies: [REDACT] }, { serve: () => given });
  wired.client(request(1, method, params));
  const answer = await wired.answer(1);
  await wired.plane.close();
  return { answer, text: wired.toClient.join() };
}

const REQUESTS: readonly [string, Record<string, unknown>][] = [
  ["tools/call", { name: "f", arguments: {} }],
  ["resources/read", { uri: "file:///a" }],
  ["tools/list", {}],
  ["initialize", { protocolVersion: "2025-11-25", capabilities: {} }],
  ["unheard/of", {}],
];
const ANSWERS: readonly [string, Record<string, unknown>][] = [
  ["a result that is a text", { result: MAIL }],
  ["a result that is a list", { result: [MAIL] }],
  ["an error that is a text", { error: MAIL }],
  ["an error that is a list", { error: [MAIL] }],
  ["a result beside no error", { result: { said: MAIL, ...words }, error: null }],
  ["a result beside an error", { result: words, error: { code: -1, message: "no" } }],
  ["an error whose code is a text", { error: { code: MAIL, message: "no" } }],
  ["an error whose message is none", { error: { code: -1, message: { said: MAIL } } }],
  ["an error that says more than it may", { error: { code: -1, message: "no", more: MAIL } }],
];

describe.each(ANSWERS)("%s", (_what, given) => {
  test.each(REQUESTS)("is judged or refused as an answer to %s", async (method, params) => {
    const { answer, text } = await answered(method, params, given);
    expect(text).not.toContain(MAIL);
    expect("result" in answer || "error" in answer).toBe(true);
  });
});

describe("a message that is both an answer and a request", () => {
  test.each([
    ["a result", { method: "ping", result: words }],
    ["a result, and a method that nobody knows", { method: "unheard/of", result: words }],
    ["an error", { method: "ping", error: { code: -1, message: MAIL } }],
  ])("is none to a client that waits for one: %s", async (_what, both) => {
    const wired = wiredRelay({ policies: [REDACT] });
    wired.client(callOf(1, "f"));
    await wired.asked(1);
    wired.server({ jsonrpc: "2.0", id: 1, ...both });
    wired.server({ jsonrpc: "2.0", id: 1, result: { content: [] } });
    await wired.answer(1);
    expect(wired.toClient).toHaveLength(1);
    await wired.plane.close();
  });

  test("is none to a server that waits for one", async () => {
    const wired = wiredRelay({ policies: [REDACT] });
    wired.server(request("s1", "sampling/createMessage", { messages: [], maxTokens: 9 }));
    await wired.answer("s1");
    wired.client({ jsonrpc: "2.0", id: "s1", method: "ping", result: { role: "assistant", ...words } });
    await expect.poll(() => wired.toClient.length).toBe(2);
    expect(wired.toClient[1]).toContain("not a message");
    // Nothing of it but that it was none: the server waits no longer.
    const message = "the client's answer was refused: not a message";
    const error = { code: -31503, message };
    expect(await wired.asked(1)).toStrictEqual([{ jsonrpc: "2.0", id: "s1", error }]);
    await wired.plane.close();
  });

  test("is a request where a careless client writes what it leaves out", async () => {
    const wired = wiredRelay({}, { serve: () => ({ result: words, error: null }) });
    wired.client({ ...callOf(1, "f"), result: null, error: null });
    expect(await wired.answer(1)).toMatchObject({ result: words });
    await wired.plane.close();
  });
});

test.each(["1e400", "-1e400"])("an id that is no number of JavaScript's is none: %s", async (id) => {
  const wired = wiredRelay();
  wired.client(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"f"}}`);
  expect(wired.toClient[0]).toContain("a request has an id");
  expect(wired.toServer).toStrictEqual([]);
  await wired.plane.close();
});
