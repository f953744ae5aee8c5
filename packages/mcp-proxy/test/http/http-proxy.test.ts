import type { ServerResponse } from "node:http";

import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import {
  asked,
  begun,
  callOf,
  HEADERS,
  INITIALIZE,
  inSession,
  json,
  post,
  proxied,
  scripted,
  SESSION,
  stream,
} from "./proxied.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
describe("bytes", () => {
  test("of a JSON body pass as they are, in both directions", async () => {
    const call =
      '{"jsonrpc":"2.0", "future":{"a":1.0}, "id":7,"method":"tools/call","params":{"name":"f","arguments":{"w":"Grüße 🚀","n":12345678901234567890}}}';
    const answer =
      '{"result":{"content":[{"type":"hologram","w":"Grüße 🚀","n":1e2}]},"more":true, "id":7,"jsonrpc":"2.0"}';
    const { url, got } = await inSession((_got, response) => json(response, answer));
    expect(await (await post(url, call, SESSION)).text()).toBe(answer);
    expect(got[1]?.body).toBe(call);
  });

  test("of an event stream pass as they came: comments, ids, times to wait, line ends", async () => {
    const events = [
      ": hello\n\nid: 1\ndata:\n\n",
      'retry: 10\r\nid: 2\r\ndata: {"jsonrpc":"2.0","method":"notifications/unheard","params":{"n":1.0}}\r\n\r\n',
      'data: {"jsonrpc":"2.0", "id":7,"result":{"content":[],"x":1.50}}\nid: 3\n\n',
    ];
    const { url } = await inSession((_got, response) => {
      stream(response, ...events);
      response.end();
    });
    const answer = await post(url, callOf(7, "f"), SESSION);
    expect(answer.headers.get("x-accel-buffering")).toBe("no");
    expect(await answer.text()).toBe(events.join(""));
  });

  test("of an event in which rules changed something are new, with its id", async () => {
    const event =
      'id: 9\ndata: {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a@example.com"}]}}\n\n';
    const { url } = await inSession(
      (_got, response) => {
        stream(response, event);
        response.end();
      },
      [REDACT],
    );
    const text = await (await post(url, callOf(7, "f"), SESSION)).text();
    expect(text).not.toContain("a@example.com");
    expect(text).toMatch(/^event: message\nid: 9\ndata: \{.*\}\n\n$/);
  });
});

describe("a session", () => {
  test("of which the proxy does not know is over: the client begins anew", async () => {
    const { url, got } = await inSession((_got, response) => json(response, {}));
    for (const method of ["POST", "GET", "DELETE"]) {
      const init = { method, headers: { ...HEADERS, "mcp-session-id": "other" } };
      const body = method === "POST" ? { body: JSON.stringify(callOf(1, "f")) } : {};
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await fetch(url, { ...init, ...body })).status).toBe(404);
    }
    expect(got).toHaveLength(1);
  });

  test("that the server has lost is over at the proxy too", async () => {
    const { url, got } = await inSession((_got, response) => json(response, { error: "no" }, 404));
    const lost = await post(url, callOf(1, "f"), SESSION);
    expect([lost.status, await lost.json()]).toMatchObject([404, { id: 1, error: {} }]);
    expect((await post(url, callOf(2, "f"), SESSION)).status).toBe(404);
    expect(got).toHaveLength(2);
    expect((await post(url, INITIALIZE)).status).toBe(200);
  });

  test("ends with DELETE, at the server and at the proxy", async () => {
    const { url, got } = await inSession((_got, response) => response.writeHead(200).end());
    const removed = await fetch(url, { method: "DELETE", headers: { ...HEADERS, ...SESSION } });
    expect([removed.status, got[1]?.method, got[1]?.headers["mcp-session-id"]]).toStrictEqual([
      200,
      "DELETE",
      "s-1",
    ]);
    expect((await post(url, callOf(1, "f"), SESSION)).status).toBe(404);
    expect(got).toHaveLength(2);
  });

  test("makes room for another when there are too many: the one that was idle for longest", async () => {
    let count = 0;
    const server = await scripted((got, response) => {
      if (!begun(got, response, `s-${++count}`))
        json(response, { jsonrpc: "2.0", id: asked(got).id, result: {} });
    });
    const { url } = await proxied(server.url, {}, { maxSessions: 2 });
    await post(url, INITIALIZE);
    await post(url, INITIALIZE);
    await post(url, callOf(1, "f"), { "mcp-session-id": "s-1" });
    await post(url, INITIALIZE);
    const statuses = await Promise.all(
      ["s-1", "s-2"].map(async (id) => (await post(url, callOf(2, "f"), { "mcp-session-id": id })).status),
    );
    expect(statuses).toStrictEqual([200, 404]);
  });

  test("of one client is not taken for another's, though both are one session to policies", async () => {
    let count = 0;
    const server = await scripted((got, response) => {
      if (!begun(got, response, `s-${++count}`))
        json(response, { jsonrpc: "2.0", id: asked(got).id, result: { content: [] } });
    });
    const { url } = await proxied(server.url, {}, { identity: { agent: "writer", session: "all" } });
    await post(url, INITIALIZE);
    await post(url, INITIALIZE);
    for (const id of ["s-1", "s-2"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await (await post(url, callOf(1, "f"), { "mcp-session-id": id })).json();
      expect(answer).toStrictEqual({ jsonrpc: "2.0", id: 1, result: { content: [] } });
    }
  });

  test("whose stream was cut goes on where it was, with what rules make of it", async () => {
    const answer =
      'id: 2\ndata: {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a@example.com"}]}}\n\n';
    const { url, got } = await inSession(
      ({ method }, response) => {
        stream(response, ...(method === "GET" ? [answer] : ["id: 1\nretry: 1\ndata:\n\n"]));
        response.end();
      },
      [REDACT],
    );
    const cut = await post(url, callOf(7, "f"), SESSION);
    expect(await cut.text()).toBe("id: 1\nretry: 1\ndata:\n\n");
    const headers = { accept: "text/event-stream", ...SESSION, "last-event-id": "1" };
    const resumed = await (await fetch(url, { headers })).text();
    expect(got.at(-1)?.headers["last-event-id"]).toBe("1");
    expect(resumed).toMatch(/^event: message\nid: 2\ndata: /);
    expect(resumed).toContain('"id":7');
    expect(resumed).not.toContain("a@example.com");
    // The server repeats what the client may not have had: it gets the same again.
    expect(await (await fetch(url, { headers })).text()).toBe(resumed);
  });

  test("whose stream is refused still answers", async () => {
    const { url } = await inSession((got, response) =>
      got.method === "GET"
        ? response.writeHead(405).end()
        : json(response, { jsonrpc: "2.0", id: 1, result: {} }),
    );
    const stop = new AbortController();
    const opened = await fetch(url, {
      headers: { accept: "text/event-stream", ...SESSION },
      signal: stop.signal,
    });
    expect(opened.status).toBe(200);
    expect((await post(url, callOf(1, "f"), SESSION)).status).toBe(200);
    stop.abort();
    const none = await fetch(url, { headers: { accept: "text/event-stream" } });
    expect(none.status).toBe(405);
  });

  test.each([
    ["HTTP 400", 400, 400],
    // As many frameworks say of a method that nobody has thought of.
    ["HTTP 404", 404, 404],
    ["HTTP 406", 406, 406],
    ["HTTP 501", 501, 501],
    ["a redirect", 307, 502],
    ["no stream", 200, 200],
    ["no answer", 0, 502],
  ])("whose stream is refused with %s answers calls, and one that runs", async (_what, refused, status) => {
    const running: ServerResponse[] = [];
    const { url } = await inSession((got, response) => {
      const { id } = asked(got);
      if (got.method === "GET")
        return refused === 0 ? response.socket?.destroy() : response.writeHead(refused).end();
      if (id === undefined) return response.writeHead(202).end();
      return id === 1 ? running.push(response) : json(response, { jsonrpc: "2.0", id, result: {} });
    });
    const first = post(url, callOf(1, "f"), SESSION);
    await expect.poll(() => running.length).toBe(1);
    const opened = await fetch(url, { headers: { accept: "text/event-stream", ...SESSION } });
    expect(opened.status).toBe(status);
    for (const [at, response] of running.entries())
      json(response, { jsonrpc: "2.0", id: at + 1, result: {} });
    expect((await first).status).toBe(200);
    const note = { jsonrpc: "2.0", method: "notifications/initialized" };
    expect((await post(url, note, SESSION)).status).toBe(202);
    expect((await post(url, callOf(2, "f"), SESSION)).status).toBe(200);
  });

  test("takes notifications with the server's own word", async () => {
    let status = 202;
    const { url, got } = await inSession((_got, response) => response.writeHead(status).end());
    const note = { jsonrpc: "2.0", method: "notifications/initialized" };
    expect((await post(url, note, SESSION)).status).toBe(202);
    status = 400;
    expect((await post(url, note, SESSION)).status).toBe(400);
    expect(got).toHaveLength(3);
  });

  test("in which a client cancels a call: the server hears it, and the call ends without an answer", async () => {
    let isClosed = false;
    const { url, got } = await inSession((one, response) => {
      if (asked(one).method !== "tools/call") return response.writeHead(202).end();
      stream(response, ": wait\n\n");
      return response.on("close", () => (isClosed = true));
    });
    const waiting = await post(url, callOf(7, "f"), SESSION);
    const note = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } };
    expect((await post(url, note, SESSION)).status).toBe(202);
    expect(await waiting.text()).toBe(": wait\n\n");
    await expect.poll(() => isClosed).toBe(true);
    expect(got.map((one) => asked(one).method)).toContain("notifications/cancelled");
  });

  test("whose client leaves a call that nobody can go on with: the server is left too, and the id is free", async () => {
    let closed = 0;
    const { url } = await inSession((_got, response) => {
      stream(response, ": wait\n\n");
      response.on("close", () => closed++);
    });
    for (const times of [1, 2]) {
      const stop = new AbortController();
      const init = {
        method: "POST",
        headers: { ...HEADERS, ...SESSION },
        body: JSON.stringify(callOf(7, "f")),
      };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await fetch(url, { ...init, signal: stop.signal })).status).toBe(200);
      stop.abort();
      // oxlint-disable-next-line no-await-in-loop
      await expect.poll(() => closed, { timeout: 5_000 }).toBe(times);
    }
  });

  test("takes a batch apart: what is forbidden is blocked, the rest is answered", async () => {
    const { url, got } = await inSession(
      (one, response) => json(response, { jsonrpc: "2.0", id: asked(one).id, result: { content: [] } }),
      [NO_WIPE],
    );
    const batch = [callOf(1, "f"), callOf(2, "wipe"), callOf("3", "g")];
    const answers = await (await post(url, batch, SESSION)).json();
    expect(answers).toHaveLength(3);
    expect(answers).toContainEqual({ jsonrpc: "2.0", id: "3", result: { content: [] } });
    expect(got.filter(({ body }) => body.includes('"wipe"'))).toHaveLength(0);
    const one = await (await post(url, [callOf(4, "f")], SESSION)).json();
    expect(one).toMatchObject([{ id: 4 }]);
  });

  test.each([
    ["twice in a batch", [callOf(1, "f"), callOf(1, "g")]],
    ["in use", callOf(9, "g")],
  ])("refuses an id that is %s", async (_name, message) => {
    const { url } = await inSession((_got, response) => stream(response, ": wait\n\n"));
    await post(url, callOf(9, "f"), SESSION);
    expect((await post(url, message, SESSION)).status).toBe(400);
  });
});
