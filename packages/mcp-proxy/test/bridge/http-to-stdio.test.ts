import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, onTestFinished, test } from "vitest";

import type { HttpProxyOptions } from "../../src/index.ts";
import { callOf, clientOf, INITIALIZE, modernCall, post, proxied } from "../http/proxied.ts";

const SERVER = fileURLToPath(new URL("stdio-server.ts", import.meta.url));
const POLICY: Policy = {
  id: "shop",
  blocking: [
    rule.denylist({ tools: ["wipe"] }),
    rule.redact({ detect: ["email"] }),
    rule.condition({ where: { tool: "echo", input: { words: { eq: "pay" } } }, then: "escalate" }),
  ],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

/** A proxy that starts the server, and what the servers have noted. */
async function started(planeOptions: PlaneOptions = {}, options: Partial<HttpProxyOptions> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "notes");
  const command = { command: process.execPath, args: ["--conditions=agentplane-source", SERVER, file] };
  const made = await proxied("http://127.0.0.1:1/", planeOptions, { ...options, upstream: command });
  const notes = (): readonly string[] => {
    try {
      return readFileSync(file, "utf8").trim().split("\n");
    } catch {
      // No server was started yet.
      return [];
    }
  };
  const pids = (): readonly number[] =>
    notes().flatMap((line) => (line.startsWith("started ") ? [Number(line.slice(8))] : []));
  return { ...made, command, notes, pids };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: that is the answer.
    return false;
  }
}

const words = (result: unknown): string => JSON.stringify(result);

describe.each(["legacy", "auto"] as const)("an HTTP client of the %s era", (era) => {
  test("sees and gets of a server that is started what a client over standard streams sees and gets", async () => {
    const { url, command } = await started();
    const direct = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode: era } });
    await direct.connect(new StdioClientTransport({ ...command, args: command.args.slice(0, 2) }));
    onTestFinished(() => direct.close());
    const seen = await Promise.all(
      [direct, await clientOf(url, era)].map(async (client) => {
        return {
          tools: await client.listTools(),
          instructions: client.getInstructions(),
          version: client.getServerVersion(),
          protocol: client.getNegotiatedProtocolVersion(),
          echo: await client.callTool({ name: "echo", arguments: { words: "Grüße 🚀" } }),
          count: await client.callTool({ name: "count", arguments: {} }),
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
    expect(seen[1]?.protocol).toBe(era === "auto" ? "2026-07-28" : "2025-11-25");
  });

  test("neither sees nor reaches what is forbidden, and gets results redacted", async () => {
    const { url, notes } = await started({ policies: [POLICY] });
    const client = await clientOf(url, era);
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("wipe");
    await client.callTool({ name: "wipe", arguments: {} }).catch(String);
    expect(words(await client.callTool({ name: "mail", arguments: {} }))).not.toContain("mira@");
    expect(notes()).not.toContain("wipe");
  });

  test("is asked for an approval, and only then the call goes on", async () => {
    const { url, notes } = await started({ policies: [POLICY] });
    const client = await clientOf(url, era, { capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler("elicitation/create", () => {
      expect(notes()).not.toContain("echo");
      return { action: "accept", content: { approve: true } };
    });
    expect(words(await client.callTool({ name: "echo", arguments: { words: "pay" } }))).toContain("pay");
    expect(notes().filter((line) => line === "echo")).toHaveLength(1);
  });

  test("reaches the server with a cancel", async () => {
    const { url, notes } = await started();
    const client = await clientOf(url, era);
    const stop = new AbortController();
    const call = client
      .callTool({ name: "wait", arguments: {} }, { signal: stop.signal })
      .catch(() => "failed");
    await expect.poll(notes, { timeout: 10_000 }).toContain("waiting");
    stop.abort("enough");
    expect(await call).toBe("failed");
    await expect.poll(notes, { timeout: 10_000 }).toContain("cancelled");
  });

  test("learns of a server that dies in a call, and can go on", async () => {
    const { url, pids } = await started();
    const client = await clientOf(url, era);
    await expect(client.callTool({ name: "die", arguments: {} })).rejects.toThrow(/server ended/);
    const again = async (): Promise<string> => {
      const next = await clientOf(url, era);
      return words(await next.callTool({ name: "who", arguments: {} }));
    };
    await expect.poll(() => again().catch(String), { timeout: 15_000 }).toMatch(/"text":"\d+"/);
    expect(pids().length).toBeGreaterThan(1);
  });
});

test("a server's question in a call reaches the client that made it", async () => {
  const { url } = await started();
  const clients = await Promise.all(
    ["Mira", "Noor"].map(async (name) => {
      const client = await clientOf(url, "legacy", { capabilities: { elicitation: { form: {} } } });
      client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name } }));
      return client;
    }),
  );
  const answers = await Promise.all(clients.map((client) => client.callTool({ name: "ask", arguments: {} })));
  expect(answers.map(words)).toStrictEqual([
    expect.stringContaining("Mira"),
    expect.stringContaining("Noor"),
  ]);
});

async function begin(url: string): Promise<{ readonly status: number; readonly session: string }> {
  const response = await post(url, INITIALIZE);
  await response.text();
  return { status: response.status, session: response.headers.get("mcp-session-id") ?? "" };
}

async function who(url: string, session: string): Promise<number> {
  const answer = await (await post(url, callOf(1, "who"), { "mcp-session-id": session })).text();
  return Number(/"text":"(\d+)"/.exec(answer)?.[1]);
}

test("each session has a process of its own, which ends with it; those of the proxy end with the proxy", async () => {
  const { url, proxy, pids } = await started();
  const [first, second] = [await begin(url), await begin(url)];
  const [one, two] = [await who(url, first.session), await who(url, second.session)];
  expect(one).not.toBe(two);
  const gone = await fetch(url, { method: "DELETE", headers: { "mcp-session-id": first.session } });
  expect(gone.status).toBe(200);
  await expect.poll(() => [one, two].map(isAlive), { timeout: 10_000 }).toStrictEqual([false, true]);
  expect((await post(url, callOf(2, "who"), { "mcp-session-id": first.session })).status).toBe(404);
  await proxy.close();
  expect(pids().filter(isAlive)).toStrictEqual([]);
});

test("requests without sessions share one process, whoever makes them, with ids and progress of their own", async () => {
  const { url, pids } = await started();
  const clients = await Promise.all([1, 2, 3].map(() => clientOf(url, "auto")));
  const seen = await Promise.all(
    clients.map(async (client) => {
      const progress: number[] = [];
      const onprogress = (one: { progress: number }): void => void progress.push(one.progress);
      await client.callTool({ name: "count", arguments: {} }, { onprogress });
      return [words(await client.callTool({ name: "who", arguments: {} })), progress] as const;
    }),
  );
  expect(new Set(seen.map(([pid]) => pid)).size).toBe(1);
  const all = seen.map(([, progress]) => progress);
  // The SDK forgets progress that comes in one piece with its result; none hears another's.
  expect(all).toStrictEqual(all.map(({ length }) => [1, 2, 3].slice(0, length)));
  expect(all.flat().length).toBeGreaterThan(0);
  expect(pids()).toHaveLength(1);
});

test("above the most sessions the one that is idle ends; where none is idle there is no further one", async () => {
  const { url } = await started({}, { maxSessions: 1 });
  const first = await begin(url);
  const one = await who(url, first.session);
  const second = await begin(url);
  expect(second.status).toBe(200);
  await expect.poll(() => isAlive(one), { timeout: 10_000 }).toBe(false);
  const stop = new AbortController();
  const headers = { "mcp-session-id": second.session, accept: "text/event-stream" };
  await fetch(url, { headers, signal: stop.signal });
  expect((await begin(url)).status).toBe(503);
  stop.abort();
});

test("a server that nobody uses is ended, and the client begins anew", async () => {
  const { url } = await started({}, { idleMs: 200 });
  const { session } = await begin(url);
  const one = await who(url, session);
  await expect.poll(() => isAlive(one), { timeout: 10_000 }).toBe(false);
  expect((await post(url, callOf(2, "who"), { "mcp-session-id": session })).status).toBe(404);
});

test("a program that cannot be started is an error for who asks, in both eras", async () => {
  const { url } = await proxied("http://127.0.0.1:1/", {}, { upstream: { command: "/nowhere", args: [] } });
  const legacy = await post(url, INITIALIZE);
  expect([legacy.status, await legacy.text()]).toStrictEqual([
    502,
    expect.stringContaining("cannot be started"),
  ]);
  const { message, headers } = modernCall(1, "echo");
  const modern = await post(url, message, headers);
  expect([modern.status, await modern.text()]).toStrictEqual([
    502,
    expect.stringContaining("cannot be started"),
  ]);
});

test("what is asked in no session is refused", async () => {
  const { url, pids } = await started();
  const answer = await post(url, callOf(1, "echo"));
  expect([answer.status, await answer.text()]).toStrictEqual([400, expect.stringContaining("initialize")]);
  expect(pids()).toStrictEqual([]);
});

test("a request that only its header says to be of 2026-07-28 is told what it lacks", async () => {
  const { url, pids } = await started();
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list" };
  const answer = await post(url, { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }, headers);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32602 } });
  const older = await post(url, { jsonrpc: "2.0", id: 1, method: "tools/list" });
  expect(older.status).toBe(400);
  expect(await older.json()).toMatchObject({ error: { message: "a session begins with initialize" } });
  expect(pids()).toStrictEqual([]);
});
