import { rule } from "@agentplane/core";
import { Client, SSEClientTransport } from "@modelcontextprotocol/client";
import { expect, onTestFinished, test } from "vitest";

import { clientOf, INITIALIZE, json, post, proxied, scripted } from "../http/proxied.ts";
import { everythingOverSse, scriptedSse } from "./legacy-servers.ts";

const POLICY = {
  id: "p",
  blocking: [rule.denylist({ tools: ["get-env"] }), rule.redact({ detect: ["email"] })],
};

test.each([
  ["sse", "legacy"],
  ["auto", "legacy"],
  ["sse", "auto"],
  ["auto", "auto"],
] as const)(
  "an HTTP client gets of a real server of the old transport what one of that transport gets (%s, %s)",
  async (upstreamTransport, era) => {
    const sse = await everythingOverSse();
    const direct = new Client({ name: "test", version: "1.0.0" });
    await direct.connect(new SSEClientTransport(new URL(sse)));
    onTestFinished(() => direct.close());
    const { url } = await proxied(sse, {}, { upstreamTransport });
    // Of two sessions the second begins where the first has learnt what the server speaks.
    const clients = [direct, await clientOf(url, era), await clientOf(url, era)];
    const [first, ...others] = await Promise.all(
      clients.map(async (client) => ({
        tools: await client.listTools(),
        version: client.getServerVersion(),
        echo: await client.callTool({ name: "echo", arguments: { message: "Grüße 🚀" } }),
        many: await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            client.callTool({ name: "echo", arguments: { message: String(at) } }),
          ),
        ),
      })),
    );
    expect(others).toStrictEqual([first, first]);
  },
);

test("policies hold before a server of the old transport", async () => {
  const { url } = await proxied(await everythingOverSse(), { policies: [POLICY] });
  const client = await clientOf(url, "legacy");
  expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("get-env");
  const echoed = await client.callTool({ name: "echo", arguments: { message: "to mira@example.com" } });
  expect(JSON.stringify(echoed)).not.toContain("mira@");
});

test("a server that refuses to begin and is none of the old transport: the client gets what it said", async () => {
  const { url: upstream, got } = await scripted((one, response) => {
    if (one.method === "GET") response.writeHead(404).end();
    else json(response, { jsonrpc: "2.0", id: 0, error: { code: -32_600, message: "not now" } }, 400);
  });
  const { url } = await proxied(upstream);
  const answer = await post(url, INITIALIZE);
  expect([answer.status, await answer.text()]).toStrictEqual([400, expect.stringContaining("not now")]);
  expect(got.map(({ method }) => method)).toStrictEqual(["POST", "GET"]);
});

test("a server that knows of no older revision is not asked for the old transport", async () => {
  const { url: upstream, got } = await scripted((_got, response) =>
    json(response, { jsonrpc: "2.0", id: 0, error: { code: -32_022, message: "only 2026-07-28" } }, 400),
  );
  const { url } = await proxied(upstream);
  expect((await post(url, INITIALIZE)).status).toBe(400);
  expect(got.map(({ method }) => method)).toStrictEqual(["POST"]);
});

test("messages are not posted to another server than the stream's", async () => {
  const { url: upstream, got } = await scriptedSse("http://127.0.0.1:1/messages", () => ({}));
  const { url } = await proxied(upstream, {}, { upstreamTransport: "sse" });
  expect((await post(url, INITIALIZE)).status).toBe(502);
  expect(got.map(({ method }) => method)).toStrictEqual(["GET"]);
});
