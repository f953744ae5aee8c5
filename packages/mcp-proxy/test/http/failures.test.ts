import { once } from "node:events";
import http, { type ServerResponse } from "node:http";

import { describe, expect, test } from "vitest";

import {
  asked,
  callOf,
  HEADERS,
  inSession,
  json,
  modernCall,
  post,
  proxied,
  scripted,
  SESSION,
  stream,
} from "./proxied.ts";

describe("what goes wrong", () => {
  test.each([
    ["is not there", undefined, 502],
    ["redirects", (response: ServerResponse) => response.writeHead(307, { location: "/else" }).end(), 502],
    ["wants credentials", (response: ServerResponse) => response.writeHead(401).end("who?"), 502],
    ["wants credentials for a proxy", (response: ServerResponse) => response.writeHead(407).end("who?"), 502],
    ["fails in words of its own", (response: ServerResponse) => response.writeHead(500).end("a@b.c"), 500],
    ["answers what is no message", (response: ServerResponse) => json(response, "<html>"), 502],
    ["is cut off", (response: ServerResponse) => void response.destroy(), 502],
  ])("a server that %s gives an error, and no word of its own", async (_name, act, status) => {
    const { url: upstream, got } = await scripted((_got, response) => act?.(response));
    const { url } = await proxied(act === undefined ? "http://127.0.0.1:1/mcp" : upstream);
    const { message, headers } = modernCall(1, "f");
    const answer = await post(url, message, headers);
    const body = await answer.text();
    expect([answer.status, JSON.parse(body)]).toMatchObject([status, { id: 1, error: { code: -31503 } }]);
    expect(body).not.toMatch(/who|a@b|html/);
    expect(got.length).toBeLessThanOrEqual(1);
  });

  test.each([
    ["is read again", { jsonrpc: "2.0", id: 7, method: "tools/list" }, [200, 2]],
    ["is not called again: nobody knows whether it ran", callOf(7, "f"), [502, 1]],
  ])("what a kept connection of the server's has lost %s", async (_what, message, expected) => {
    const used = new Set<unknown>();
    const { url, got } = await inSession((one, response) => {
      // As a server does that gives an idle connection up just when a request comes.
      if (used.has(response.socket)) return response.socket?.resetAndDestroy();
      used.add(response.socket);
      return json(response, { jsonrpc: "2.0", id: asked(one).id, result: { tools: [] } });
    });
    // The session has begun on the connection that is kept.
    await (await post(url, { jsonrpc: "2.0", id: 6, method: "tools/list" }, SESSION)).text();
    const before = got.length;
    const answer = await post(url, message, SESSION);
    await answer.text();
    expect([answer.status, got.length - before]).toStrictEqual(expected);
  });

  test("a stream that ends without an answer gives an error", async () => {
    const { url } = await inSession((_got, response) => {
      stream(response, ": nothing\n\n");
      response.end();
    });
    const text = await (await post(url, callOf(1, "f"), SESSION)).text();
    expect(text).toContain('"code":-31503');
  });

  test.each([
    ["no JSON", "{", {}, 400],
    ["a name that is given twice", '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}', {}, 400],
    ["another type", "{}", { "content-type": "text/plain" }, 415],
    ["too much", `{"a":"${"x".repeat(2_000)}"}`, {}, 413],
  ])("a body that is %s is refused", async (_name, body, headers, status) => {
    const { url: upstream, got } = await scripted(() => undefined);
    const { url } = await proxied(upstream, {}, { maxFrameBytes: 1_000 });
    expect((await post(url, body, headers)).status).toBe(status);
    expect(got).toHaveLength(0);
  });

  test("a body without a length is cut at the limit, and answered", async () => {
    const { url: upstream } = await scripted(() => undefined);
    const { url } = await proxied(upstream, {}, { maxFrameBytes: 1_000 });
    const request = http.request(url, { method: "POST", headers: HEADERS });
    for (let part = 0; part < 20; part++) request.write("x".repeat(100));
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    expect(response.statusCode).toBe(413);
    request.destroy();
  });

  test("an answer of the client's that is too long is an error to the server that asked, and ends no other question", async () => {
    const questions = ["s7", "s8"].map((id) => JSON.stringify({ jsonrpc: "2.0", id, method: "roots/list" }));
    const { url, got } = await inSession(
      (one, response) => {
        if (asked(one).method !== "tools/call") return response.writeHead(202).end();
        return stream(response, ...questions.map((question) => `data: ${question}\n\n`));
      },
      [],
      { maxFrameBytes: 1_000 },
    );
    const running = await post(url, callOf(1, "f"), SESSION);
    const reader = running.body?.getReader();
    let heard = "";
    while (!heard.includes('"s8"')) {
      // oxlint-disable-next-line no-await-in-loop -- until both questions are there
      const part = await reader?.read();
      heard += String(Buffer.from(part?.value ?? []));
    }
    // As SDKs write it: the id is behind what is too long.
    const long = { result: { roots: [], x: "x".repeat(200_000) }, jsonrpc: "2.0", id: "s7" };
    expect((await post(url, long, SESSION)).status).toBe(413);
    await expect.poll(() => got.at(-1)?.body).toMatch(/"id":"s7","error":.*-31503/);
    await post(url, { jsonrpc: "2.0", id: "s8", result: { roots: [] } }, SESSION);
    await expect.poll(() => got.at(-1)?.body).toMatch(/"id":"s8","result"/);
  });

  test.each([
    ["PUT", "", 405],
    ["OPTIONS", "", 405],
    ["GET", "/other", 404],
  ])("%s %s is not served", async (method, path, status) => {
    const { url } = await proxied("http://127.0.0.1:1/mcp");
    expect((await fetch(`${url}${path}`, { method })).status).toBe(status);
  });

  test("requests above the cap are told to come back", async () => {
    const { url: upstream } = await scripted((_got, response) => stream(response, ": wait\n\n"));
    const { url } = await proxied(upstream, {}, { maxConcurrent: 1 });
    const { message, headers } = modernCall(1, "f");
    await post(url, message, headers);
    const refused = await post(url, message, headers);
    expect([refused.status, refused.headers.get("retry-after")]).toStrictEqual([503, "1"]);
  });

  test("a server's answer that is too long is not kept", async () => {
    const { url: upstream } = await scripted((_got, response) => json(response, `"${"x".repeat(5_000)}"`));
    const { url } = await proxied(upstream, {}, { maxFrameBytes: 1_000 });
    const { message, headers } = modernCall(1, "f");
    expect(await (await post(url, message, headers)).json()).toMatchObject({ error: { code: -31503 } });
  });
});

describe("the end", () => {
  test("lets a call that runs come to its end, ends streams, and takes nothing new", async () => {
    const answers: ServerResponse[] = [];
    const { url, proxy } = await inSession(
      (got, response) => {
        if (got.method === "GET") return stream(response, ": open\n\n");
        return void answers.push(response);
      },
      [],
      { graceMs: 50_000 },
    );
    const open = await fetch(url, { headers: { accept: "text/event-stream", ...SESSION } });
    const running = post(url, callOf(1, "f"), SESSION);
    await expect.poll(() => answers.length).toBe(1);
    const closing = proxy.close();
    expect(await open.text()).toBe(": open\n\n");
    const late = await post(url, callOf(2, "f"), SESSION).catch(() => "refused");
    expect(late).toBe("refused");
    const [response] = answers;
    if (response !== undefined) json(response, { jsonrpc: "2.0", id: 1, result: { done: true } });
    expect(await (await running).json()).toMatchObject({ result: { done: true } });
    // Long before the patience ends, though the client keeps its connections.
    const patience = new Promise((resolve) => setTimeout(resolve, 10_000, "late"));
    expect(await Promise.race([closing, patience])).toBeUndefined();
  });

  test("does not wait for ever", async () => {
    const { url, proxy } = await inSession((_got, response) => stream(response, ": wait\n\n"));
    const running = await post(url, callOf(1, "f"), SESSION);
    await proxy.close();
    await expect(running.text().then((text) => text.includes("result"))).resolves.toBe(false);
  });
});
