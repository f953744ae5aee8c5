import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { expect, onTestFinished, test } from "vitest";

import { ownFrame } from "../../src/frame/frame.ts";
import { HttpRequests } from "../../src/upstream/http-requests.ts";
import { Upstream } from "../../src/http/upstream.ts";
import { callOf, scripted } from "./proxied.ts";

test.each([
  ["what only reads goes again", { id: 7, method: "tools/list" }, [202, 3]],
  ["an answer goes again", { id: 7, result: { roots: [] } }, [202, 3]],
  ["what is said unasked goes again", { method: "notifications/initialized" }, [202, 3]],
  ["a call, of which nobody knows whether it ran, fails", callOf(7, "echo"), ["ECONNRESET", 2]],
] as const)(
  "where a kept connection is reset before any answer, %s",
  async (_name, message, [ended, requests]) => {
    const used = new Set<unknown>();
    const { url, got } = await scripted((_one, response) => {
      const { socket } = response;
      // As a server does that gives an idle connection up just when a request comes.
      if (used.has(socket)) return socket?.resetAndDestroy();
      used.add(socket);
      return response.writeHead(202).end();
    });
    const upstream = new Upstream(new URL(url));
    onTestFinished(() => upstream.close());
    const client = new HttpRequests(upstream);
    const { signal } = new AbortController();
    const frame = ownFrame({ jsonrpc: "2.0", ...message });
    const first = await client.post(frame, signal);
    first.resume();
    await once(first, "close");
    const second = client.post(frame, signal).then(
      ({ statusCode }) => statusCode,
      ({ code }: NodeJS.ErrnoException) => code,
    );
    expect([await second, got.length]).toStrictEqual([ended, requests]);
  },
);

test("what has begun to be answered does not go again", async () => {
  const resets: (() => void)[] = [];
  const { url, got } = await scripted((_one, response) => {
    const { socket } = response;
    resets.push(() => socket?.resetAndDestroy());
    response.writeHead(200);
    if (got.length === 2) response.write("a part");
    else response.end();
  });
  const upstream = new Upstream(new URL(url));
  onTestFinished(() => upstream.close());
  const client = new HttpRequests(upstream);
  const frame = ownFrame({ jsonrpc: "2.0", id: 7, method: "tools/list" });
  const { signal } = new AbortController();
  const whole = async (): Promise<void> => {
    const answer = await client.post(frame, signal);
    answer.resume().on("error", () => undefined);
    const closed = new Promise((resolve) => answer.on("close", resolve));
    if (got.length === 2) resets.at(-1)?.();
    await closed;
  };
  await whole();
  await whole();
  await whole();
  expect(got).toHaveLength(3);
});

/** Who ends a connection that is idle, to a server that keeps it so long and says so, or says nothing. */
async function idleEndedBy([keptMs, hint]: readonly [number, string | undefined]): Promise<string> {
  let endedBy = Promise.resolve("nobody");
  const { url } = await scripted((_one, response) => {
    const { socket } = response;
    endedBy = new Promise((resolve) => {
      socket?.on("end", () => resolve("the proxy"));
      setTimeout(() => resolve("the server"), keptMs).unref();
    });
    const said = hint === undefined ? {} : { "keep-alive": hint };
    response.writeHead(202, { connection: "keep-alive", ...said }).end();
  });
  const upstream = new Upstream(new URL(url));
  onTestFinished(() => upstream.close());
  const frame = ownFrame({ jsonrpc: "2.0", ...callOf(7, "echo") });
  const answer = await new HttpRequests(upstream).post(frame, new AbortController().signal);
  answer.resume();
  await once(answer, "close");
  return endedBy;
}

test("an idle connection is given up before servers do that", { timeout: 20_000 }, async () => {
  const servers = [
    // As those of Node.js, which take a second more than they say.
    [5_900, undefined],
    [1_900, "timeout=2"],
    [1_900, "max=5, timeout=2"],
    [1_900, 'Max=5,Timeout = "2"'],
    [900, "timeout=1, max=5"],
  ] as const;
  const ended = await Promise.all(servers.map(idleEndedBy));
  expect(ended).toStrictEqual(servers.map(() => "the proxy"));
});

/** A server of its own thread, which gives idle connections up while this one stands still. */
const BESIDE = `
import http from "node:http";
import { parentPort } from "node:worker_threads";
const server = http.createServer({ keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0 }, (request, response) => {
  response.writeHead(202, { connection: "keep-alive", "keep-alive": "timeout=2" }).end();
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

test("no call takes a connection whose time was over while the process stood still", async () => {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(BESIDE)}`));
  onTestFinished(async () => void (await worker.terminate()));
  const [port] = (await once(worker, "message")) as [number];
  const upstream = new Upstream(new URL(`http://127.0.0.1:${port}/mcp`));
  onTestFinished(() => upstream.close());
  const client = new HttpRequests(upstream);
  const frame = ownFrame({ jsonrpc: "2.0", ...callOf(7, "echo") });
  const { signal } = new AbortController();
  const first = await client.post(frame, signal);
  first.resume();
  await once(first, "close");
  // The agent has the connection back.
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
  expect((await client.post(frame, signal)).statusCode).toBe(202);
});
