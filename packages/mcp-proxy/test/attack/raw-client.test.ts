import { once } from "node:events";
import net from "node:net";
import { gzipSync } from "node:zlib";

import { rule } from "@agentplane/core";
import { expect, test } from "vitest";

import { asked, callOf, inSession, json } from "../http/proxied.ts";

const BODY = JSON.stringify(callOf(1, "f"));
const HEAD = [
  "Host: 127.0.0.1",
  "Content-Type: application/json",
  "Accept: application/json, text/event-stream",
  "Mcp-Session-Id: s-1",
];

interface Asking {
  readonly line?: string;
  readonly head?: readonly string[];
  readonly body?: string | Uint8Array;
}

/** A request as bytes. */
function requestOf({ line = "POST /mcp HTTP/1.1", head = [], body = BODY }: Asking): Buffer {
  const isMeasured = !head.some((one) => /^(?:transfer-encoding|content-length):/i.test(one));
  const length = isMeasured ? [`Content-Length: ${Buffer.byteLength(body)}`] : [];
  const own = head.some((one) => /^host:/i.test(one)) ? HEAD.slice(1) : HEAD;
  return Buffer.concat([
    Buffer.from([line, ...own, ...length, ...head, "", ""].join("\r\n")),
    Buffer.from(body as string),
  ]);
}

/** What a listener says to bytes until it closes the connection, as it is asked to. */
async function said(url: string, pieces: readonly Uint8Array[]): Promise<string> {
  const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  socket.setEncoding("latin1").on("data", (part: string) => (text += part));
  // A listener that closes while more is written to it has said what it has to say.
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  for (const piece of pieces) {
    socket.write(piece);
    // oxlint-disable-next-line no-await-in-loop -- each arrives by itself
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return text;
}

const serving = (options: Parameters<typeof inSession>[2] = {}) =>
  inSession(
    (one, response) => json(response, { jsonrpc: "2.0", id: asked(one).id, result: { content: [] } }),
    [{ id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] }],
    options,
  );
const CLOSE = "Connection: close";
const CHUNKED = "Transfer-Encoding: chunked";
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)};a="b"\r\n${text}\r\n`;
const chunked = (parts: readonly string[], trailers = ""): string =>
  `${parts.map(chunk).join("")}0\r\n${trailers}\r\n`;

test.each<[string, Asking, number]>([
  ["with two hosts, of which one may", { head: ["Host: 127.0.0.1", "Host: evil.example", CLOSE] }, 400],
  ["with two hosts that are the same", { head: ["Host: 127.0.0.1", "hOST: 127.0.0.1", CLOSE] }, 400],
  ["with two types", { head: ["Content-Type: text/plain", CLOSE] }, 415],
  ["of HTTP/1.0 without a host", { line: "POST /mcp HTTP/1.0", head: ["Host:"] }, 403],
  ["to an address of another host", { line: "POST http://evil.example/mcp HTTP/1.1", head: [CLOSE] }, 404],
  ["to an address of its own host", { line: "POST http://127.0.0.1/mcp HTTP/1.1", head: [CLOSE] }, 404],
  ["to a path that leads to it", { line: "POST /x/../mcp HTTP/1.1", head: [CLOSE] }, 404],
  ["to its path in other letters", { line: "POST /%6dcp HTTP/1.1", head: [CLOSE] }, 404],
  ["in two sessions", { head: ["Mcp-Session-Id: s-2", CLOSE] }, 404],
  ["of two lengths", { head: ["Content-Length: 5", `Content-Length: ${BODY.length}`] }, 400],
  ["of a length and in chunks", { head: ["Content-Length: 5", CHUNKED], body: chunked([BODY]) }, 400],
  ["in an encoding that nobody knows", { head: ["Transfer-Encoding: xchunked"] }, 400],
  ["with a folded header", { head: ["Mcp-Name: f", " wipe"] }, 400],
  ["with a space in a header's name", { head: ["Mcp-Name : f"] }, 400],
  ["with two names", { head: ["Mcp-Name: f", "Mcp-Name: wipe", CLOSE] }, 400],
  ["that is compressed", { head: ["Content-Encoding: gzip", CLOSE], body: gzipSync(BODY) }, 400],
  ["that expects something unknown", { head: ["Expect: magic", CLOSE] }, 417],
])("a request %s goes no further", async (_name, asking, status) => {
  const { url, got } = await serving();
  const text = await said(url, [requestOf(asking)]);
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(got).toHaveLength(1);
});

test.each<[string, Asking]>([
  ["in chunks with extensions", { head: [CHUNKED, CLOSE], body: chunked(BODY.match(/./gsu) ?? []) }],
  [
    "with headers behind its body",
    { head: [CHUNKED, CLOSE], body: chunked([BODY], "Mcp-Name: wipe\r\nMcp-Session-Id: s-2\r\n") },
  ],
  ["that waits to be told to go on", { head: ["Expect: 100-continue", CLOSE] }],
  ["of HTTP/1.0", { line: "POST /mcp HTTP/1.0" }],
  ["that wants another protocol", { head: ["Connection: Upgrade, close", "Upgrade: websocket"] }],
  ["that says it is compressed and is not", { head: ["Content-Encoding: gzip", CLOSE] }],
  ["that wants to be another method", { head: ["X-HTTP-Method-Override: DELETE", CLOSE] }],
])("a request %s is what its body says, and goes on as that", async (_name, asking) => {
  const { url, got } = await serving();
  const text = await said(url, [requestOf(asking)]);
  expect(text).toContain('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
  expect(got).toHaveLength(2);
  expect(got[1]).toMatchObject({ method: "POST", path: "/mcp", body: BODY });
  const names = Object.keys(got[1]?.headers ?? {}).toSorted();
  expect(names).toStrictEqual([
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "mcp-session-id",
  ]);
});

test("a request whose bytes come one by one is the same request", async () => {
  const { url, got } = await serving();
  const bytes = requestOf({ head: [CLOSE], body: JSON.stringify(callOf(1, "f", { words: "Grüße 🚀" })) });
  const text = await said(
    url,
    [...bytes].map((byte) => Buffer.of(byte)),
  );
  expect(text).toContain('"result":{"content":[]}');
  expect(got[1]?.body).toContain("Grüße 🚀");
});

test("a request that does not come to its end gives up its place", async () => {
  const { url, got } = await serving({ receiveMs: 100, maxConcurrent: 1 });
  const whole = requestOf({ head: [CLOSE] });
  for (const piece of [whole.subarray(0, -1), whole.subarray(0, 30)])
    // oxlint-disable-next-line no-await-in-loop -- one place
    expect(await said(url, [piece])).toMatch(/^HTTP\/1\.1 408 /);
  expect(await said(url, [whole])).toContain('"result":{"content":[]}');
  expect(got).toHaveLength(2);
});

test("requests in one piece are each decided, and answered in their order", async () => {
  const { url, got } = await serving();
  const named = (id: number, name: string): Asking => ({ body: JSON.stringify(callOf(id, name)) });
  const pieces = [named(1, "f"), named(2, "wipe"), { ...named(3, "g"), head: [CLOSE] }];
  const text = await said(url, [Buffer.concat(pieces.map(requestOf))]);
  expect([...text.matchAll(/"id":(\d)/g)].map(([, id]) => id)).toStrictEqual(["1", "2", "3"]);
  expect(got.filter(({ body }) => body.includes('"wipe"'))).toStrictEqual([]);
});
