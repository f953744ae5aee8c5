import type { ServerResponse } from "node:http";

import { expect, test } from "vitest";

import { scriptedSse } from "../bridge/legacy-servers.ts";
import { piped } from "../bridge/piped.ts";
import {
  asked,
  begun,
  callOf,
  INITIALIZE,
  inSession,
  modernCall,
  post,
  proxied,
  scripted,
  SESSION,
  stream,
  type Got,
} from "../http/proxied.ts";

const refusedBy = (id: unknown): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"n":NaN}}`;
const longBy = (id: unknown): string =>
  `{"jsonrpc":"2.0","result":{"t":"${"x".repeat(3_000)}"},"id":${JSON.stringify(id)}}`;
const event = (data: string, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`;
const UNAVAILABLE = /"error":\{"code":-31503/;
const LIMIT = { maxFrameBytes: 2_000 };
const KINDS = [
  ["cannot be read", refusedBy],
  ["is too long", longBy],
] as const;

test.each(KINDS)(
  "an event that %s is an error to who waits for it, where the stream could be gone on with too",
  async (_, by) => {
    const answer = (one: Got, response: ServerResponse): void =>
      stream(response, event("", "a1"), event(by(asked(one).id), "a2"));
    const { url } = await inSession(answer, [], LIMIT);
    expect(await (await post(url, callOf(7, "f"), SESSION)).text()).toMatch(UNAVAILABLE);
  },
);

test.each(KINDS)("one that %s is an error on the stream on which the client goes on", async (_, by) => {
  const { url } = await inSession(
    (one, response) => {
      stream(response, event(one.method === "GET" ? by(7) : "", one.method === "GET" ? "a2" : "a1"));
      response.end();
    },
    [],
    LIMIT,
  );
  await (await post(url, callOf(7, "f"), SESSION)).text();
  const headers = { accept: "text/event-stream", ...SESSION, "last-event-id": "a1" };
  expect(await (await fetch(url, { headers })).text()).toMatch(UNAVAILABLE);
});

test("a question of the server's in an event that cannot be read is answered", async () => {
  const { url, got } = await inSession((one, response) => {
    const { id, method } = asked(one);
    if (method === undefined) {
      response.writeHead(202).end();
      return;
    }
    const question = '{"jsonrpc":"2.0","id":"s1","method":"roots/list","params":{"n":NaN}}';
    stream(response, event(question), event(JSON.stringify({ jsonrpc: "2.0", id, result: {} })));
    response.end();
  });
  expect(await (await post(url, callOf(7, "f"), SESSION)).text()).toContain('"result":{}');
  await expect.poll(() => got.map(({ body }) => body).join()).toMatch(/"id":"s1","error":\{"code":-32700/);
});

test("an answer of the client's that cannot be read is an error to the server that waits for it", async () => {
  const { url, got } = await inSession((one, response) => {
    const { method } = asked(one);
    if (method !== "tools/call") {
      response.writeHead(202).end();
      return;
    }
    stream(response, event('{"jsonrpc":"2.0","id":"s1","method":"roots/list"}'));
  });
  const call = post(url, callOf(7, "f"), SESSION);
  const reader = (await call).body?.getReader();
  await reader?.read();
  expect((await post(url, refusedBy("s1"), SESSION)).status).toBe(400);
  await expect.poll(() => got.map(({ body }) => body).join()).toMatch(/"id":"s1","error":\{"code":-31503/);
  await reader?.cancel();
});

/** Answers every call with what it is called. */
const SERVER = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const own = JSON.stringify(id);
  const result = method !== "tools/call" ? '{"protocolVersion":"2025-11-25","capabilities":{}}'
    : params.name === "long" ? '{"t":"' + "x".repeat(3_000) + '"}' : params.name === "bad" ? '{"n":NaN}' : "{}";
  process.stdout.write('{"jsonrpc":"2.0","result":' + result + ',"id":' + own + "}\\n");
});`;
const STARTED = { command: process.execPath, args: ["-e", SERVER] };

test.each(["long", "bad"])(
  "a started server's answer %s is an error over HTTP, in both eras",
  async (name) => {
    const { url } = await proxied("http://127.0.0.1:1/", {}, { ...LIMIT, upstream: STARTED });
    const begin = await post(url, INITIALIZE);
    await begin.text();
    const session = { "mcp-session-id": begin.headers.get("mcp-session-id") ?? "" };
    expect(await (await post(url, callOf(7, name), session)).text()).toMatch(UNAVAILABLE);
    expect(await (await post(url, callOf(8, "f"), session)).text()).toContain('"result":{}');
    const { message, headers } = modernCall(7, name);
    const modern = await (await post(url, message, headers)).text();
    expect(modern).toMatch(UNAVAILABLE);
    expect(modern).toContain('"id":7');
  },
);

/** A server of the old transport that answers the call 7 with these events. */
async function oldServer(...texts: readonly string[]) {
  const server = await scriptedSse("/messages", ({ method, id }) => {
    if (method === "initialize") return { protocolVersion: "2024-11-05", capabilities: {} };
    if (id === 7) for (const text of texts) server.say(text);
    return id === 7 ? undefined : {};
  });
  return server;
}

test.each(KINDS)("an event of the old transport that %s is an error to who waits for it", async (_, by) => {
  const server = await oldServer(event(by(7)));
  const pipe = piped({ url: server.url, transport: "sse" }, {}, LIMIT);
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.write(callOf(7, "f"));
  expect(await pipe.answer(7)).toMatchObject({ error: { code: -31503 } });
  const { url } = await proxied(server.url, {}, { ...LIMIT, upstreamTransport: "sse" });
  const begin = await post(url, INITIALIZE);
  await begin.text();
  const session = { "mcp-session-id": begin.headers.get("mcp-session-id") ?? "" };
  expect(await (await post(url, callOf(7, "f"), session)).text()).toMatch(UNAVAILABLE);
});

test.each(KINDS)("a client over standard streams gets an error for an event that %s", async (_, by) => {
  let asks = 0;
  const server = await scripted((one, response) => {
    if (begun(one, response)) return;
    const { id } = asked(one);
    if (one.method === "GET" && one.headers["last-event-id"] === undefined) response.writeHead(405).end();
    else if (id === undefined && one.method !== "GET") response.writeHead(202).end();
    else {
      asks++;
      stream(response, `retry: 1\n${event(by(7), "a1")}`);
      response.end();
    }
  });
  const pipe = piped({ url: server.url }, {}, LIMIT);
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.write(callOf(7, "f"));
  expect(await pipe.answer(7)).toMatchObject({ error: { code: -31503 } });
  expect(asks).toBe(1);
});

test("what a server says unasked is heard on after an event that was too long", async () => {
  let opened = 0;
  const server = await scripted((one, response) => {
    if (begun(one, response)) return;
    if (one.method !== "GET") {
      response.writeHead(202).end();
      return;
    }
    expect(one.headers["last-event-id"]).toBeUndefined();
    const said = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
    stream(response, `retry: 1\nid: a1\n\n`, event(opened++ === 0 ? longBy(1) : said, "a2"));
  });
  const pipe = piped({ url: server.url }, {}, LIMIT);
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.write({ jsonrpc: "2.0", method: "notifications/initialized" });
  await expect.poll(() => pipe.said.some(({ method }) => method !== undefined)).toBe(true);
});
