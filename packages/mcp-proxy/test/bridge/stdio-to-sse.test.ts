import { rule } from "@agentplane/core";
import { Client, SSEClientTransport } from "@modelcontextprotocol/client";
import { expect, onTestFinished, test } from "vitest";

import { callOf, INITIALIZE } from "../http/proxied.ts";
import { everythingOverSse, scriptedSse } from "./legacy-servers.ts";
import { piped } from "./piped.ts";

const POLICY = {
  id: "p",
  blocking: [rule.denylist({ tools: ["get-env"] }), rule.redact({ detect: ["email"] })],
};
const BEGUN = {
  protocolVersion: "2024-11-05",
  capabilities: { tools: {} },
  serverInfo: { name: "s", version: "1" },
};

async function direct(url: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(new SSEClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

test.each(["sse", "auto"] as const)(
  "a client over standard streams gets of a real server of the old transport what one over HTTP gets (%s)",
  async (transport) => {
    const url = await everythingOverSse();
    const clients = [await direct(url), await piped({ url, transport }).client("legacy")];
    const [first, second] = await Promise.all(
      clients.map(async (client) => {
        const progress: number[] = [];
        return {
          tools: await client.listTools(),
          version: client.getServerVersion(),
          echo: await client.callTool({ name: "echo", arguments: { message: "Grüße 🚀" } }),
          long: await client.callTool(
            { name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 2 } },
            { onprogress: (one) => void progress.push(one.progress) },
          ),
          // The last one races the result, with and without the proxy.
          progress: progress[0],
          many: await Promise.all(
            Array.from({ length: 20 }, (_, at) =>
              client.callTool({ name: "echo", arguments: { message: String(at) } }),
            ),
          ),
        };
      }),
    );
    expect(second).toStrictEqual(first);
  },
);

test("policies hold before a server of the old transport", async () => {
  const url = await everythingOverSse();
  const client = await piped({ url, transport: "sse" }, { policies: [POLICY] }).client("legacy");
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("echo");
  expect(tools.map(({ name }) => name)).not.toContain("get-env");
  const echoed = await client.callTool({ name: "echo", arguments: { message: "to mira@example.com" } });
  expect(JSON.stringify(echoed)).not.toContain("mira@");
  const denied = await client.callTool({ name: "get-env", arguments: {} }).catch(String);
  expect(JSON.stringify(denied)).not.toContain("PATH");
});

test.each(["http://127.0.0.1:1/messages", "//example.com/messages", "http://user:word@127.0.0.1/"])(
  "messages are not posted to %s, which is not the server",
  async (endpoint) => {
    const { url, got } = await scriptedSse(endpoint, () => BEGUN);
    const { write, answer } = piped({ url, transport: "sse" });
    write(INITIALIZE);
    expect(JSON.stringify((await answer(0))["error"])).toContain("elsewhere");
    expect(got.filter(({ method }) => method === "POST")).toStrictEqual([]);
  },
);

test("a stream that is cut fails the running call, is opened again, and the server hears again how the client began", async () => {
  const server = await scriptedSse("/messages?session=1", ({ method, id }) => {
    if (method === "initialize") return BEGUN;
    return method === "tools/call" && id !== 1 ? { content: [{ type: "text", text: "hi" }] } : undefined;
  });
  const { write, answer, said } = piped({ url: server.url, transport: "sse" });
  write(INITIALIZE);
  await answer(0);
  write(callOf(1, "hang"));
  await expect.poll(() => server.got.some(({ body }) => body.includes("hang"))).toBe(true);
  server.cut();
  expect((await answer(1))["error"]).toMatchObject({ code: -31_503 });
  write(callOf(2, "echo"));
  expect(JSON.stringify(await answer(2))).toContain("hi");
  expect(server.got.filter(({ body }) => body.includes('"initialize"'))).toHaveLength(2);
  expect(said.filter(({ id }) => id === 0)).toHaveLength(1);
});

test("a server that refuses to begin and offers no stream either: the client gets what it said", async () => {
  const { url } = await scriptedSse("/messages", () => BEGUN);
  const { write, answer } = piped({ url, transport: "http" });
  write(INITIALIZE);
  expect(JSON.stringify((await answer(0))["error"])).toContain("HTTP 405");
});
