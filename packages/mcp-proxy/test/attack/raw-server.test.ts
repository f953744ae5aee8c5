import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";

import { rule } from "@agentplane/core";
import { expect, onTestFinished, test } from "vitest";

import { callOf, INITIALIZE, post, proxied, SESSION } from "../http/proxied.ts";

const MAIL =
  '{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"Grüße 🚀 an a@example.com"}]}}';
const JSON_TYPE = "content-type: application/json";
const EVENTS = "content-type: text/event-stream";
const CHUNKED = "transfer-encoding: chunked";
const event = (text: string): string => `data: ${text}\n\n`;

interface Answer {
  readonly line?: string;
  readonly head?: readonly string[];
  readonly body: string | Uint8Array;
  readonly isWithoutLength?: boolean;
}

/** An answer as bytes. */
function bytesOf({ line = "HTTP/1.1 200 OK", head = [JSON_TYPE], body, isWithoutLength }: Answer): Buffer {
  const length = isWithoutLength === true ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return Buffer.concat([
    Buffer.from([line, ...head, ...length, "", ""].join("\r\n")),
    Buffer.from(body as string),
  ]);
}

const BEGUN = bytesOf({
  head: [JSON_TYPE, "mcp-session-id: s-1"],
  body: JSON.stringify({
    jsonrpc: "2.0",
    id: 0,
    result: { protocolVersion: "2025-11-25", capabilities: {} },
  }),
});

/** What a client gets through the proxy whose call a server answers with these bytes, each piece by itself. */
async function got(pieces: readonly Uint8Array[], isLast = false): Promise<Response> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    // The proxy leaves a connection on which it does not go on.
    socket.on("error", () => undefined);
    socket.on("data", async (bytes) => {
      const isBeginning = bytes.includes('"initialize"');
      for (const piece of isBeginning ? [BEGUN] : pieces) {
        socket.write(piece);
        // oxlint-disable-next-line no-await-in-loop -- each arrives by itself
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (isLast && !isBeginning) socket.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  // A server that listens at a host has an address with a port.
  const { port } = server.address() as AddressInfo;
  const policies = [{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }];
  const { url } = await proxied(`http://127.0.0.1:${port}/mcp`, { policies });
  await (await post(url, INITIALIZE)).text();
  return post(url, callOf(7, "f"), SESSION);
}

const chunked = (parts: readonly string[], trailers = ""): string =>
  `${parts.map((part) => `${Buffer.byteLength(part).toString(16)};x\r\n${part}\r\n`).join("")}0\r\n${trailers}\r\n`;

test.each<[string, Answer, (string | undefined)?]>([
  ["that says it is compressed and is not", { head: [JSON_TYPE, "content-encoding: gzip"], body: MAIL }],
  [
    "in chunks",
    { head: [JSON_TYPE, CHUNKED], body: chunked(MAIL.match(/.{1,7}/gsu) ?? []), isWithoutLength: true },
  ],
  [
    "with headers behind its body",
    { head: [JSON_TYPE, CHUNKED], body: chunked([MAIL], "mcp-session-id: s-2\r\n"), isWithoutLength: true },
  ],
  ["that ends with the connection", { line: "HTTP/1.0 200 OK", body: MAIL, isWithoutLength: true }, "last"],
  ["after a byte order mark", { body: `\uFEFF${MAIL}` }],
  ["of another type", { head: ["content-type: text/html"], body: MAIL }],
  ["in events of a type in capitals", { head: ["Content-Type: TEXT/EVENT-STREAM;a=b"], body: event(MAIL) }],
  ["in compressed events that are not", { head: [EVENTS, "content-encoding: br"], body: event(MAIL) }],
  ["in lines that end in CR", { head: [EVENTS], body: `id: 1\rdata: ${MAIL}\r\r` }],
  ["after a hint", { line: "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK", body: MAIL }],
])("an answer %s is judged as what it says", async (_name, answer, last) => {
  const response = await got([bytesOf(answer)], last !== undefined);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-encoding")).toBeNull();
  const text = await response.text();
  expect(text).toContain("Grüße 🚀 an [EMAIL]");
});

test.each<[string, Answer]>([
  ["that is compressed", { head: [JSON_TYPE, "content-encoding: gzip"], body: gzipSync(MAIL) }],
  ["that is deflated", { head: [JSON_TYPE, "content-encoding: deflate"], body: deflateSync(MAIL) }],
  ["in UTF-16", { body: Buffer.from(MAIL, "utf16le") }],
  ["in events that say they are JSON", { body: event(MAIL) }],
  ["that is no message", { head: ["content-type: text/html"], body: "<p>a@example.com" }],
  ["of a length and in chunks", { head: [JSON_TYPE, CHUNKED], body: chunked([MAIL]) }],
  ["without anything", { line: "HTTP/1.1 204 No Content", body: "", isWithoutLength: true }],
  ["that was only accepted", { line: "HTTP/1.1 202 Accepted", body: "" }],
  ["that changes the protocol", { line: "HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x", body: "" }],
  ["that is no HTTP", { line: "HELLO", body: MAIL }],
])("an answer %s is an error of the proxy's own", async (_name, answer) => {
  const response = await got([bytesOf(answer)]);
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ id: 7, error: { code: -31503 } });
});

test.each([
  ["in compressed events", gzipSync(event(MAIL))],
  ["as JSON", MAIL],
])("a stream that holds an answer %s has none", async (_name, body) => {
  const text = await (await got([bytesOf({ head: [EVENTS], body })])).text();
  expect(text).toMatch(/^event: message\ndata: \{"jsonrpc":"2.0","id":7,"error":/);
  expect(text).not.toContain("example.com");
});

test("an answer whose bytes come one by one is the same answer", async () => {
  const bytes = bytesOf({ head: [EVENTS], body: `: x\r\n\r\nid: 1\r\n${event(MAIL)}` });
  const text = await (await got([...bytes].map((byte) => Buffer.of(byte)))).text();
  expect(text).toContain("Grüße 🚀 an [EMAIL]");
});

test("an answer that is cut is none", async () => {
  const response = await got([bytesOf({ body: MAIL }).subarray(0, -3)], true);
  expect([response.status, await response.json()]).toMatchObject([502, { id: 7, error: { code: -31503 } }]);
});

test("what comes behind an answer answers nothing", async () => {
  const forged = bytesOf({ body: MAIL.replace("Grüße", "forged") });
  const text = await (await got([Buffer.concat([bytesOf({ body: MAIL }), forged])])).text();
  expect(text).toContain("Grüße");
  expect(text).not.toContain("forged");
});
