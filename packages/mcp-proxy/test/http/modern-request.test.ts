import type { ServerResponse } from "node:http";

import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { asked, HEADERS, json, modernCall, post, proxied, scripted, stream, type Got } from "./proxied.ts";

describe("a request of 2026-07-28", () => {
  const ok = (got: Got, response: ServerResponse): void =>
    json(response, { jsonrpc: "2.0", id: asked(got).id, result: { content: [], resultType: "complete" } });

  test.each([
    ["another name", { "mcp-name": "find" }],
    ["another method", { "mcp-method": "tools/list" }],
    ["another version", { "mcp-protocol-version": "2025-11-25" }],
    ["no name", { "mcp-name": "" }],
    ["a name that is no text", { "mcp-name": "=?base64?/w==?=" }],
  ])("whose headers say %s is refused", async (_name, wrong) => {
    const { url: upstream, got } = await scripted(ok);
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "wipe");
    const refused = await post(url, message, { ...headers, ...wrong });
    expect([refused.status, await refused.json()]).toMatchObject([400, { id: 1, error: { code: -32020 } }]);
    expect(got).toHaveLength(0);
  });

  test.each(["mcp-name", "mcp-method", "mcp-protocol-version"])("that has no %s is refused", async (name) => {
    const { url: upstream, got } = await scripted(ok);
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "wipe");
    const { [name]: _left, ...rest } = headers;
    const refused = await post(url, message, rest);
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { code: -32020 } }]);
    expect(got).toHaveLength(0);
  });

  test("passes with its headers, an encoded name and unknown ones too", async () => {
    const { url: upstream, got } = await scripted(ok);
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "Grüße");
    const name = `=?base64?${Buffer.from("Grüße").toString("base64")}?=`;
    const answer = await post(url, message, { ...headers, "mcp-name": name, "mcp-param-region": "eu" });
    expect(answer.status).toBe(200);
    expect(got[0]?.headers).toMatchObject({ ...headers, "mcp-name": name, "mcp-param-region": "eu" });
  });

  test("whose arguments rules rewrite does not carry the old ones in headers", async () => {
    const { url: upstream, got } = await scripted(ok);
    const policy: Policy = {
      id: "in",
      blocking: [rule.redact({ from: ["input"], detect: ["email"] })],
    };
    const { url } = await proxied(upstream, { policies: [policy] });
    const { message, headers } = modernCall(1, "f", { to: "a@example.com" });
    await post(url, message, { ...headers, "mcp-param-to": "a@example.com" });
    expect(got).toHaveLength(1);
    expect(JSON.stringify(got)).not.toContain("a@example.com");
    expect(got[0]?.headers["mcp-name"]).toBe("f");
  });

  test("that comes back with an approval keeps the headers of its arguments", async () => {
    const { url: upstream, got } = await scripted(ok);
    const policy: Policy = {
      id: "ask",
      blocking: [rule.condition({ id: "c", where: { tool: "f" }, then: "escalate" })],
      escalation: [{ trigger: "c", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
    };
    const { url } = await proxied(upstream, { policies: [policy] });
    const { message, headers } = modernCall(1, "f", { region: "eu" });
    // The test's own message.
    const params = message["params"] as Record<string, Record<string, unknown>>;
    const meta = { ...params["_meta"], "io.modelcontextprotocol/clientCapabilities": { elicitation: {} } };
    const all = { ...headers, "mcp-param-region": "eu" };
    const first = await post(url, { ...message, params: { ...params, _meta: meta } }, all);
    const { result } = (await first.json()) as { result: { requestState: string } };
    const inputResponses = { "agentplane/approval": { action: "accept", content: { approve: true } } };
    const again = { ...params, _meta: meta, inputResponses, requestState: result.requestState };
    expect((await post(url, { ...message, id: 2, params: again }, all)).status).toBe(200);
    expect(got).toHaveLength(1);
    expect(got[0]?.headers).toMatchObject({ "mcp-param-region": "eu", "mcp-name": "f" });
    expect(got[0]?.body).not.toContain("requestState");
  });

  test("of one client is not taken for another's, though both count from 1", async () => {
    const { url: upstream, got } = await scripted(ok);
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "f");
    const answers = await Promise.all([post(url, message, headers), post(url, message, headers)]);
    for (const answer of answers)
      // oxlint-disable-next-line no-await-in-loop -- two of them
      expect(await answer.json()).toMatchObject({ result: { resultType: "complete" } });
    expect(got).toHaveLength(2);
  });

  test("is cancelled by closing its stream", async () => {
    let isClosed = false;
    const { url: upstream, got } = await scripted((_got, response) => {
      stream(response, ": wait\n\n");
      response.on("close", () => (isClosed = true));
    });
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "f");
    const stop = new AbortController();
    const init = { method: "POST", headers: { ...HEADERS, ...headers }, body: JSON.stringify(message) };
    await fetch(url, { ...init, signal: stop.signal });
    stop.abort();
    await expect.poll(() => isClosed).toBe(true);
    expect(got).toHaveLength(1);
  });

  test.each([
    [404, -32601],
    [400, -32022],
  ])("keeps the server's status %s and code %s", async (status, code) => {
    const { url: upstream } = await scripted((_got, response) =>
      json(response, { jsonrpc: "2.0", id: null, error: { code, message: "no", data: { a: 1 } } }, status),
    );
    const { url } = await proxied(upstream);
    const { message, headers } = modernCall(1, "f");
    const answer = await post(url, message, headers);
    expect([answer.status, await answer.json()]).toMatchObject([
      status,
      { id: 1, error: { code, data: { a: 1 } } },
    ]);
  });
});
