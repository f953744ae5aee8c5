import { rule, type Policy } from "@agentplane/core";
import { expect, onTestFinished, test, describe } from "vitest";

import { everythingServer, type EverythingServer } from "./everything-server.ts";
import { clientOf, proxied } from "./proxied.ts";

const POLICY: Policy = {
  id: "shop",
  blocking: [
    rule.denylist({ tools: ["wipe"] }),
    rule.redact({ detect: ["email"] }),
    rule.condition({ where: { tool: "echo", input: { words: { eq: "pay" } } }, then: "escalate" }),
  ],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

async function served(isJson: boolean): Promise<EverythingServer> {
  const server = await everythingServer({ isJson });
  onTestFinished(() => server.close());
  return server;
}

const CASES = [
  ["legacy", false],
  ["legacy", true],
  ["auto", false],
  ["auto", true],
] as const;

describe.each(CASES)("a client of the %s era (JSON bodies: %s)", (era, isJson) => {
  test("sees and gets through the proxy what it sees and gets without it", async () => {
    const server = await served(isJson);
    const { url } = await proxied(server.url);
    const seen = await Promise.all(
      [server.url, url].map(async (at) => {
        const client = await clientOf(at, era);
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
            Array.from({ length: 50 }, (_, at2) =>
              client.callTool({ name: "echo", arguments: { words: String(at2) } }),
            ),
          ),
        };
      }),
    );
    expect(seen[1]).toStrictEqual(seen[0]);
  });

  test("neither sees nor reaches what is forbidden, and gets results redacted", async () => {
    const server = await served(isJson);
    const { url } = await proxied(server.url, { policies: [POLICY] });
    const client = await clientOf(url, era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).not.toContain("wipe");
    const answers = await Promise.all(
      ["wipe", "nobody"].map((name) =>
        client.callTool({ name, arguments: {} }).then(JSON.stringify, (error: unknown) => String(error)),
      ),
    );
    expect(answers[0]?.replaceAll("wipe", "nobody")).toBe(answers[1]);
    expect(server.ran).not.toContain("wipe");
    const mail = JSON.stringify(await client.callTool({ name: "mail", arguments: {} }));
    expect(mail).not.toContain("mira@example.com");
  });

  test("asks its user for an approval, and the call runs once", async () => {
    const server = await served(isJson);
    const { url } = await proxied(server.url, { policies: [POLICY] });
    const client = await clientOf(url, era, { capabilities: { elicitation: { form: {} } } });
    const asked: string[] = [];
    client.setRequestHandler("elicitation/create", ({ params }) => {
      asked.push(params.message);
      return { action: "accept", content: { approve: asked.length === 1 } };
    });
    const call = { name: "echo", arguments: { words: "pay" } };
    expect(JSON.stringify(await client.callTool(call))).toContain('"pay"');
    expect(JSON.stringify(await client.callTool(call).catch(String))).not.toContain('"text":"pay"');
    expect(asked).toHaveLength(2);
    expect(server.ran).toStrictEqual(["echo"]);
  });

  test("cancels a call at the server too", async () => {
    const server = await served(isJson);
    const { url } = await proxied(server.url);
    const client = await clientOf(url, era);
    const stop = new AbortController();
    const failed = client.callTool({ name: "wait", arguments: {} }, { signal: stop.signal }).catch(String);
    await expect.poll(server.waiting).toBe(1);
    stop.abort("enough");
    expect(await failed).toContain("enough");
    await expect.poll(server.cancelled, { timeout: 5_000 }).toBe(1);
    expect(await client.callTool({ name: "echo", arguments: { words: "on" } })).toMatchObject({
      content: [{ text: "on" }],
    });
  });

  test("hears that what it may use has changed, and finds it gone", async () => {
    const server = await served(isJson);
    const { url, plane } = await proxied(server.url);
    let changed = 0;
    const client = await clientOf(url, era, {
      listChanged: { tools: { debounceMs: 0, onChanged: () => void changed++ } },
    });
    await client.listTools();
    // The stream over which it hears opens by itself, and nobody says when: what changed before is told to nobody.
    const change = async (): Promise<number> => {
      await plane.controls.plug({ kind: "tool", id: "echo" }, { by: "test" });
      await plane.controls.unplug({ kind: "tool", id: "echo" }, { reason: "test", by: "test" });
      return changed;
    };
    await expect.poll(change).toBeGreaterThan(0);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).not.toContain("echo");
  });
});

test("a server asks the client's user while it works at a call", async () => {
  const server = await served(false);
  const { url } = await proxied(server.url);
  const client = await clientOf(url, "legacy", { capabilities: { elicitation: {} } });
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Mira" } }));
  expect(JSON.stringify(await client.callTool({ name: "ask", arguments: {} }))).toContain("Mira");
});
