import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { asked, callOf, inSession, json, modernCall, post, proxied, scripted, SESSION } from "./proxied.ts";

const TOOLS = [
  {
    name: "f",
    inputSchema: {
      type: "object",
      properties: {
        region: { type: "string", "x-mcp-header": "Region" },
        count: { type: "integer", "x-mcp-header": "Count" },
        at: { type: "object", properties: { isLive: { type: "boolean", "x-mcp-header": "Live" } } },
        to: { type: "string", "x-mcp-header": "To" },
      },
    },
  },
  { name: "bare", inputSchema: { type: "object", properties: { region: { type: "string" } } } },
];
const REDACT: Policy = { id: "in", blocking: [rule.redact({ from: ["input"], detect: ["email"] })] };

/** A server of 2026-07-28 through the proxy, whose tools a client has listed. */
async function listed() {
  const { url: upstream, got } = await scripted((one, response) => {
    const { id, method } = asked(one);
    const result = method === "tools/list" ? { tools: TOOLS } : { content: [] };
    json(response, { jsonrpc: "2.0", id, result: { ...result, resultType: "complete" } });
  });
  const { url } = await proxied(upstream, { policies: [REDACT] });
  const call = async (name: string, input: unknown, more: Record<string, string>, raw?: string) => {
    const { message, headers } = modernCall(2, name, input);
    const text = JSON.stringify(message);
    const answer = await post(url, raw === undefined ? text : text.replace('"RAW"', raw), {
      ...headers,
      ...more,
    });
    return { status: answer.status, answer: await answer.json() };
  };
  const list = async (): Promise<void> => {
    const { message, headers } = modernCall(1, "");
    const { name: _name, arguments: _input, ...params } = message["params"] as Record<string, unknown>;
    const { "mcp-name": _header, ...others } = headers;
    const request = { ...message, method: "tools/list", params };
    await (await post(url, request, { ...others, "mcp-method": "tools/list" })).text();
  };
  return { got, call, list };
}

test.each([
  ["another value", { region: "eu" }, { "mcp-param-region": "us" }],
  ["another number", { count: 10 }, { "mcp-param-count": "1" }],
  ["another answer, deep inside", { at: { isLive: false } }, { "mcp-param-live": "true" }],
  ["a value that is not there", {}, { "mcp-param-region": "us" }],
  ["one of several values", { region: "eu" }, { "mcp-param-region": "eu, us" }],
  ["another value behind an encoding", { region: "eu" }, { "mcp-param-region": "=?base64?dXM=?=" }],
  ["a list where one is repeated", { region: ["eu"] }, { "mcp-param-region": "eu" }],
])("a header that repeats an argument and says %s is refused", async (_name, input, headers) => {
  const { got, call, list } = await listed();
  await list();
  const { status, answer } = await call("f", input, headers);
  expect([status, answer]).toMatchObject([400, { id: 2, error: { code: -32020 } }]);
  expect(got).toHaveLength(1);
});

test("one of a client before 2026-07-28, which need not have it, is refused too", async () => {
  const { url, got } = await inSession((one, response) => {
    const { id, method } = asked(one);
    json(response, { jsonrpc: "2.0", id, result: method === "tools/list" ? { tools: TOOLS } : {} });
  });
  await (await post(url, { jsonrpc: "2.0", id: 1, method: "tools/list" }, SESSION)).text();
  const call = (region: string): Promise<Response> =>
    post(url, callOf(2, "f", { region }), { ...SESSION, "mcp-param-region": "us" });
  expect((await call("eu")).status).toBe(400);
  expect(got).toHaveLength(2);
  expect((await call("us")).status).toBe(200);
});

test("headers that say what the arguments say pass, and so do those that repeat none", async () => {
  const { got, call, list } = await listed();
  await list();
  const headers = {
    "mcp-param-region": `=?base64?${Buffer.from("Köln").toString("base64")}?=`,
    "mcp-param-count": "12345678901234567890",
    "mcp-param-live": "true",
    "mcp-param-other": "x",
  };
  const input = { region: "Köln", count: "RAW", at: { isLive: true } };
  expect((await call("f", input, headers, "12345678901234567890")).status).toBe(200);
  expect(got[1]?.headers).toMatchObject(headers);
  expect((await call("bare", { region: "eu" }, { "mcp-param-region": "us" })).status).toBe(200);
});

test("of a tool that nobody has listed through the proxy the server compares them", async () => {
  const { got, call } = await listed();
  expect((await call("f", { region: "eu" }, { "mcp-param-region": "us" })).status).toBe(200);
  expect(got[0]?.headers).toMatchObject({ "mcp-param-region": "us" });
});

test("arguments that rules rewrite go on with headers that repeat what is left", async () => {
  const { got, call, list } = await listed();
  await list();
  const headers = { "mcp-param-region": "eu", "mcp-param-to": "a@example.com" };
  expect((await call("f", { region: "eu", to: "a@example.com" }, headers)).status).toBe(200);
  expect(got[1]?.headers).toMatchObject({ "mcp-param-region": "eu", "mcp-param-to": "[EMAIL]" });
  expect(got[1]?.body).not.toContain("a@example.com");
});
