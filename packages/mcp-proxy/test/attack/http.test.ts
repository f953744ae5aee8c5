import { rule } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import {
  asked,
  callOf,
  inSession,
  json,
  modernCall,
  post,
  proxied,
  scripted,
  SESSION,
  stream,
} from "../http/proxied.ts";

describe("a session", () => {
  test("is not acted in from outside: a request that says it is of no session does not name one to the server", async () => {
    const { url, got } = await inSession((one, response) =>
      json(response, { jsonrpc: "2.0", id: asked(one).id, result: { content: [] } }),
    );
    const { message, headers } = modernCall(1, "f");
    await post(url, message, { ...headers, ...SESSION });
    expect(got.at(-1)?.body).toContain('"tools/call"');
    expect(got.at(-1)?.headers["mcp-session-id"]).toBeUndefined();
    await post(url, callOf(2, "f"), SESSION);
    expect(got.at(-1)?.headers["mcp-session-id"]).toBe("s-1");
  });

  test("cannot be chosen by the client that begins it", async () => {
    const { url, got } = await inSession((_one, response) => json(response, {}));
    const begin = { jsonrpc: "2.0", id: 1, method: "initialize", params: {} };
    expect((await post(url, begin, { "mcp-session-id": "mine" })).status).toBe(404);
    expect(got).toHaveLength(1);
  });
});

describe("a body that is not what it says", () => {
  test.each([
    ["text/plain"],
    ["application/jsonp"],
    ["application/json-patch+json"],
    ["text/plain; application/json"],
    ["multipart/form-data"],
    ["application/x-www-form-urlencoded"],
  ])("is refused: %s", async (type) => {
    const { url: upstream, got } = await scripted(() => undefined);
    const { url } = await proxied(upstream);
    const answer = await post(url, callOf(1, "f"), { "content-type": type });
    expect(answer.status).toBe(415);
    expect(got).toHaveLength(0);
  });

  test("is refused when it is compressed: it would be read as something else", async () => {
    const { url: upstream, got } = await scripted(() => undefined);
    const { url } = await proxied(upstream);
    const body = new Uint8Array(
      await new Response(
        new Blob([JSON.stringify(callOf(1, "f"))]).stream().pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    expect((await fetch(url, { method: "POST", headers, body })).status).toBe(400);
    expect(got).toHaveLength(0);
  });

  test("of another charset is read as what goes on to the server: UTF-8, or not at all", async () => {
    const { url: upstream, got } = await scripted(() => undefined);
    const { url } = await proxied(upstream);
    const body = Buffer.from(JSON.stringify(callOf(1, "wipe")), "utf16le");
    const headers = { "content-type": "application/json; charset=utf-16" };
    expect((await fetch(url, { method: "POST", headers, body: new Uint8Array(body) })).status).toBe(400);
    expect(got).toHaveLength(0);
  });
});

describe("a batch", () => {
  test("does not open more requests than one is allowed to", async () => {
    const { url, got } = await inSession((one, response) =>
      json(response, { jsonrpc: "2.0", id: asked(one).id, result: {} }),
    );
    const batch = Array.from({ length: 101 }, (_, id) => callOf(id, "f"));
    expect((await post(url, batch, SESSION)).status).toBe(400);
    expect(got).toHaveLength(1);
  });

  test("under headers that name one call of it is refused", async () => {
    const { url, got } = await inSession((_one, response) => json(response, {}));
    const headers = { ...SESSION, "mcp-method": "tools/call", "mcp-name": "f" };
    const answer = await post(url, [callOf(1, "f"), callOf(2, "wipe")], headers);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: -32020 } }]);
    expect(got).toHaveLength(1);
  });
});

describe("an event stream of a server", () => {
  const REDACT = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
  const mail = (id: number): string =>
    `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"a@example.com"}]}}`;

  test.each([
    ["under another type", `event: other\ndata: ${mail(7)}\n\n`],
    ["in lines that end in CR", `data: ${mail(7)}\r\r`],
    ["in several lines", `data: ${mail(7).replaceAll(",", ",\ndata: ")}\n\n`],
    ["after a byte order mark", `\uFEFFdata: ${mail(7)}\n\n`],
    ["with a field name in capitals", `DATA: ${mail(7)}\n\n`],
    ["in a field beside the message", `x: ${mail(8)}\ndata: {"jsonrpc":"2.0","id":7,"result":{}}\n\n`],
    ["beside an answer to something that was not asked", `data: ${mail(8)}\n\ndata: ${mail(7)}\n\n`],
    ["in a batch", `data: [${mail(7)},${mail(8)}]\n\n`],
    ["twice", `id: 1\ndata: ${mail(7)}\n\nid: 2\ndata: ${mail(7)}\n\n`],
  ])("does not bring past the rules what is said %s", async (_name, events) => {
    const { url } = await inSession(
      (_one, response) => {
        stream(response, events);
        response.end();
      },
      [REDACT],
    );
    const text = await (await post(url, callOf(7, "f"), SESSION)).text();
    expect(text).not.toContain("a@example.com");
    expect(text).toContain('"id":7');
  });

  test("cannot begin another event from inside a message", async () => {
    const inner = JSON.stringify(
      'x\n\nevent: message\ndata: {"jsonrpc":"2.0","id":7,"result":{"forged":true}}\n\n',
    );
    const { url } = await inSession(
      (_one, response) => {
        stream(
          response,
          `data: {"jsonrpc":"2.0","id":7,\rdata: "result":{"content":[{"type":"text","text":${inner}},{"type":"text","text":"b@example.com"}]}}\n\n`,
        );
        response.end();
      },
      [REDACT],
    );
    const text = await (await post(url, callOf(7, "f"), SESSION)).text();
    expect(text.split("\n\n").filter((event) => event.trim() !== "")).toHaveLength(1);
  });
});
