import type { ServerResponse } from "node:http";

import { expect, test } from "vitest";

import { asked, begun, callOf, INITIALIZE, json, scripted, stream, type Got } from "../http/proxied.ts";
import { piped } from "./piped.ts";

const INITIALIZED = { jsonrpc: "2.0", method: "notifications/initialized" };
const text = (words: string) => ({ content: [{ type: "text", text: words }] });
const event = (value: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`;
const result = (id: unknown, words: string) => ({ jsonrpc: "2.0", id, result: text(words) });

/** A proxy over standard streams before a scripted server, with a session begun. */
async function begunPipe(answer: (got: Got, response: ServerResponse) => void) {
  const server = await scripted((got, response) => {
    const isListening = got.method === "GET" && got.headers["last-event-id"] === undefined;
    if (begun(got, response)) return;
    if (asked(got).method === "notifications/initialized") response.writeHead(202).end();
    else if (got.method === "DELETE") response.writeHead(200).end();
    else if (isListening) response.writeHead(405).end();
    else answer(got, response);
  });
  const pipe = piped({ url: server.url, token: "s3cret" });
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.write(INITIALIZED);
  return { ...pipe, ...server };
}

test("every request names the session and the agreed version, and presents the token; the session is ended", async () => {
  const { write, answer, leave, got } = await begunPipe((one, response) =>
    json(response, result(asked(one).id, "hi")),
  );
  write(callOf(1, "echo"));
  expect((await answer(1))["result"]).toStrictEqual(text("hi"));
  await leave();
  const later = got.slice(1);
  expect(later.map(({ method }) => method).toSorted()).toStrictEqual(["DELETE", "GET", "POST", "POST"]);
  expect(later.map(({ headers }) => headers["mcp-session-id"])).toStrictEqual(later.map(() => "s-1"));
  expect(later.map(({ headers }) => headers["mcp-protocol-version"])).toStrictEqual(
    later.map(() => "2025-11-25"),
  );
  expect(got.map(({ headers }) => headers.authorization)).toStrictEqual(got.map(() => "Bearer s3cret"));
});

test("a call on a kept connection that is reset before any answer gets an error, runs once, and the next one is answered", async () => {
  const { write, answer, got } = await begunPipe((one, response) => {
    const { id } = asked(one);
    // As a server does that gives an idle connection up just when a request comes.
    if (id === 1) response.socket?.resetAndDestroy();
    else json(response, result(id, "hi"));
  });
  write(callOf(0, "echo"));
  await answer(0);
  write(callOf(1, "echo"));
  expect((await answer(1))["error"]).toMatchObject({
    code: -31_503,
    message: expect.stringContaining("the server was not reached") as unknown,
  });
  write(callOf(2, "echo"));
  expect((await answer(2))["result"]).toStrictEqual(text("hi"));
  // Whether it ran nobody knows: it must not go a second time.
  expect(got.filter((one) => asked(one).id === 1)).toHaveLength(1);
});

test("what is said before a request has arrived before it", async () => {
  const server = await scripted((got, response) => {
    const { id, method } = asked(got);
    if (begun(got, response)) return;
    if (got.method === "GET") response.writeHead(405).end();
    // The first is slow, the second must not overtake it.
    else if (method === "notifications/initialized") setTimeout(() => response.writeHead(202).end(), 50);
    else json(response, result(id, "hi"));
  });
  const { write, answer } = piped({ url: server.url });
  write(INITIALIZE);
  await answer(0);
  write(INITIALIZED);
  write(callOf(1, "echo"));
  await answer(1);
  const order = server.got.map(asked).flatMap(({ method }) => method ?? []);
  expect(order).toStrictEqual(["initialize", "notifications/initialized", "tools/call"]);
});

test("a session that the server has lost is begun anew, once, and the calls that found it lost go on in it", async () => {
  let sessions = 0;
  let isLost = false;
  const server = await scripted((got, response) => {
    const { id, method } = asked(got);
    if (method === "initialize") {
      const capabilities = { tools: {}, prompts: {} };
      const begin = { protocolVersion: "2025-11-25", capabilities, serverInfo: {} };
      return json(response, { jsonrpc: "2.0", id, result: begin }, 200, {
        "mcp-session-id": `s-${++sessions}`,
      });
    }
    if (method === "notifications/initialized") return void response.writeHead(202).end();
    if (got.method !== "POST") return void response.writeHead(405).end();
    if (isLost && got.headers["mcp-session-id"] === "s-1")
      return json(response, { error: "no session" }, 404);
    json(response, result(id, String(got.headers["mcp-session-id"])));
  });
  const { write, answer, said } = piped({ url: server.url });
  write(INITIALIZE);
  await answer(0);
  write(INITIALIZED);
  write(callOf(1, "echo"));
  expect((await answer(1))["result"]).toStrictEqual(text("s-1"));
  isLost = true;
  for (const id of [2, 3, 4]) write(callOf(id, "echo"));
  const all = await Promise.all([2, 3, 4].map(answer));
  expect(all.map((one) => one["result"])).toStrictEqual([2, 3, 4].map(() => text("s-2")));
  expect(sessions).toBe(2);
  // The client has begun once, and hears once that lists may be others now.
  expect(said.filter(({ id }) => id === 0)).toHaveLength(1);
  expect(said.flatMap(({ method }) => method ?? [])).toStrictEqual([
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
  ]);
});

test("a server that begins no other session answers with an error, and nobody waits", async () => {
  let isLost = false;
  const server = await scripted((got, response) => {
    if (isLost) return json(response, { error: "no session" }, 404);
    if (begun(got, response)) return;
    response.writeHead(202).end();
  });
  const { write, answer } = piped({ url: server.url, transport: "http" });
  write(INITIALIZE);
  await answer(0);
  isLost = true;
  write(callOf(1, "echo"));
  expect(JSON.stringify(await answer(1))).toMatch(/session|HTTP 404/);
});

test("an answer whose stream was cut is fetched where it was cut, after the time the server asks for", async () => {
  const { write, answer, got, said } = await begunPipe((one, response) => {
    if (one.method === "POST") {
      const progress = {
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: 1, progress: 1 },
      };
      stream(response, "id: a-1\nretry: 20\ndata:\n\n", event(progress, "a-2"));
    } else stream(response, event(result(7, "late"), "a-3"));
    response.end();
  });
  write(callOf(7, "echo"));
  expect((await answer(7))["result"]).toStrictEqual(text("late"));
  const resumed = got.find(
    ({ method, headers }) => method === "GET" && headers["last-event-id"] !== undefined,
  );
  expect(resumed?.headers["last-event-id"]).toBe("a-2");
  expect(said.filter(({ method }) => method === "notifications/progress")).toHaveLength(1);
});

test.each([
  [
    "a stream that ends without an answer",
    (response: ServerResponse) => (stream(response, ": hi\n\n"), response.end()),
  ],
  ["a body that is no message", (response: ServerResponse) => json(response, "hello")],
  [
    "a redirect",
    (response: ServerResponse) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
  ],
  ["a challenge", (response: ServerResponse) => response.writeHead(401).end()],
  ["a cut connection", (response: ServerResponse) => response.destroy()],
])("%s is an error of the proxy's own", async (_what, act) => {
  const { write, answer } = await begunPipe((_got, response) => act(response));
  write(callOf(1, "echo"));
  expect((await answer(1))["error"]).toMatchObject({ code: -31_503 });
});

test("what the server says unasked reaches the client, and its question is answered", async () => {
  const answers: string[] = [];
  let say: (value: unknown) => void = () => undefined;
  const server = await scripted((got, response) => {
    if (begun(got, response)) return;
    if (got.method === "GET") {
      stream(response, ": here\n\n");
      say = (value) => void response.write(event(value));
      return;
    }
    if (asked(got).method === undefined) answers.push(got.body);
    response.writeHead(202).end();
  });
  const { write, answer, said } = piped({ url: server.url });
  write(INITIALIZE);
  await answer(0);
  write(INITIALIZED);
  await expect.poll(() => server.got.some(({ method }) => method === "GET")).toBe(true);
  say({ jsonrpc: "2.0", method: "notifications/resources/list_changed" });
  say({ jsonrpc: "2.0", id: "q", method: "roots/list" });
  await expect.poll(() => said.map(({ method }) => method)).toContain("roots/list");
  expect(said.map(({ method }) => method)).toContain("notifications/resources/list_changed");
  write({ jsonrpc: "2.0", id: "q", result: { roots: [] } });
  await expect.poll(() => answers).toStrictEqual(['{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}']);
});

test("a message in which nothing changes leaves as the very bytes that came", async () => {
  const { write, answer, got, said } = await begunPipe((one, response) =>
    json(
      response,
      `{"jsonrpc":"2.0", "id":1,"result":{"big":12345678901234567890,"one":1.0},"more":[]}`,
      200,
    ),
  );
  write({ jsonrpc: "2.0", future: 1, id: 1, method: "tools/call", params: { name: "echo", x: [1] } });
  await answer(1);
  expect(got.find((one) => asked(one).id === 1)?.body).toBe(
    '{"jsonrpc":"2.0","future":1,"id":1,"method":"tools/call","params":{"name":"echo","x":[1]}}',
  );
  expect(said.at(-1)).toMatchObject({ more: [] });
});
