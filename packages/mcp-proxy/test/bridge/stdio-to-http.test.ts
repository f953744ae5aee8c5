import { rule, type Policy } from "@agentplane/core";
import { describe, expect, onTestFinished, test } from "vitest";

import { everythingServer } from "../http/everything-server.ts";
import { clientOf } from "../http/proxied.ts";
import { piped } from "./piped.ts";

const POLICY: Policy = {
  id: "shop",
  blocking: [
    rule.denylist({ tools: ["wipe"] }),
    rule.redact({ detect: ["email"] }),
    rule.condition({ where: { tool: "echo", input: { words: { eq: "pay" } } }, then: "escalate" }),
  ],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

const CASES = [
  ["legacy", false],
  ["legacy", true],
  ["auto", false],
  ["auto", true],
] as const;

describe.each(CASES)("a client of the %s era over standard streams (JSON bodies: %s)", (era, isJson) => {
  async function served() {
    const server = await everythingServer({ isJson });
    onTestFinished(() => server.close());
    return server;
  }

  test("sees and gets what a client over HTTP sees and gets", async () => {
    const server = await served();
    const clients = [await clientOf(server.url, era), await piped({ url: server.url }).client(era)];
    const seen = await Promise.all(
      clients.map(async (client) => {
        const progress: number[] = [];
        return {
          tools: await client.listTools(),
          instructions: client.getInstructions(),
          version: client.getServerVersion(),
          echo: await client.callTool({ name: "echo", arguments: { words: "Grüße 🚀" } }),
          count: await client.callTool(
            { name: "count", arguments: {} },
            { onprogress: (one) => void progress.push(one.progress) },
          ),
          progress,
          unknown: await client.callTool({ name: "nobody", arguments: {} }).catch(String),
          many: await Promise.all(
            Array.from({ length: 50 }, (_, at) =>
              client.callTool({ name: "echo", arguments: { words: String(at) } }),
            ),
          ),
        };
      }),
    );
    expect(seen[1]).toStrictEqual(seen[0]);
  });

  test("neither sees nor reaches what is forbidden, and gets results redacted", async () => {
    const server = await served();
    const client = await piped({ url: server.url }, { policies: [POLICY] }).client(era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).not.toContain("wipe");
    const [forbidden, nobody] = await Promise.all(
      ["wipe", "nobody"].map((name) => client.callTool({ name, arguments: {} }).catch(String)),
    );
    expect(JSON.stringify(forbidden)).toBe(JSON.stringify(nobody).replaceAll("nobody", "wipe"));
    expect(JSON.stringify(await client.callTool({ name: "mail", arguments: {} }))).not.toContain("mira@");
    expect(server.ran).toStrictEqual([]);
  });

  test("is asked for an approval, and only then the call goes on", async () => {
    const server = await served();
    const client = await piped({ url: server.url }, { policies: [POLICY] }).client(era, {
      capabilities: { elicitation: { form: {} } },
    });
    const asked: unknown[] = [];
    client.setRequestHandler("elicitation/create", ({ params }) => {
      asked.push(params.message);
      expect(server.ran).toStrictEqual([]);
      return { action: "accept", content: { approve: true } };
    });
    const result = await client.callTool({ name: "echo", arguments: { words: "pay" } });
    expect(JSON.stringify(result)).toContain("pay");
    expect(asked).toHaveLength(1);
    expect(server.ran).toStrictEqual(["echo"]);
  });

  test("reaches the server with a cancel", async () => {
    const server = await served();
    const client = await piped({ url: server.url }).client(era);
    const stop = new AbortController();
    const call = client.callTool({ name: "wait", arguments: {} }, { signal: stop.signal });
    const failed = call.catch(() => "failed");
    await client.callTool({ name: "echo", arguments: { words: "after" } });
    stop.abort("enough");
    expect(await failed).toBe("failed");
    await expect.poll(() => server.cancelled(), { timeout: 10_000 }).toBe(1);
  });
});

test("a server's question in a call is answered by the client, over a stream of its own", async () => {
  const server = await everythingServer();
  onTestFinished(() => server.close());
  const client = await piped({ url: server.url }).client("legacy", {
    capabilities: { elicitation: { form: {} } },
  });
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Mira" } }));
  const result = await client.callTool({ name: "ask", arguments: {} });
  expect(JSON.stringify(result)).toContain("Mira");
});
