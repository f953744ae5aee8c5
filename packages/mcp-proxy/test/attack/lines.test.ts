import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { rule, type Policy } from "@agentplane/core";
import { expect, onTestFinished, test } from "vitest";

import { piped } from "../bridge/piped.ts";
import { asked, begun, callOf, INITIALIZE, post, proxied, scripted } from "../http/proxied.ts";
import { wiredRelay } from "../wired-relay.ts";

const RULES: Policy = {
  id: "rules",
  blocking: [rule.denylist({ tools: ["wipe"] }), rule.redact({ detect: ["email"] })],
};
/** Takes each line for a message, as servers over standard streams do: a line ends with LF, CR or both (Node.js, Python). */
const SERVER = `
const { appendFileSync } = require("node:fs");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  appendFileSync(process.argv[1], line + "\\n");
  let message;
  try { message = JSON.parse(line); } catch { return; }
  const result = message.method === "initialize" ? { protocolVersion: "2025-11-25", capabilities: {} } : {};
  console.log(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
});`;
/** To who reads all of it a request without harm; to who reads line by line the middle one is a call of its own. */
const hidden = (end: string): string =>
  `{"x":${end}${JSON.stringify(callOf("w", "wipe"))}${end},"jsonrpc":"2.0","id":1,"method":"ping"}`;

/** A server over standard streams, and the lines that it was sent. */
function lineServer() {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "lines");
  writeFileSync(file, "");
  const lines = (): readonly unknown[] =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { method: string }).method);
  return { command: { command: process.execPath, args: ["-e", SERVER, file] }, lines };
}

test("a client over standard streams does not hide a call between two tokens of a message", async () => {
  const { command, lines } = lineServer();
  const pipe = piped(command, { policies: [RULES] });
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.writeLine(hidden("\r"));
  expect(await pipe.answer(1)).toStrictEqual({ jsonrpc: "2.0", id: 1, result: {} });
  expect(lines()).toStrictEqual(["initialize", "ping"]);
});

test.each(["\n", "\r", "\r\n"])(
  "neither side hides a message from who writes what the relay gives as lines: %j",
  async (end) => {
    const wired = wiredRelay({ policies: [RULES] });
    wired.client(hidden(end));
    await wired.asked(1);
    wired.server(hidden(end).replace('"method":"ping"', '"result":{}'));
    await wired.answer(1);
    for (const text of [...wired.toServer, ...wired.toClient]) expect(text).not.toMatch(/[\n\r]/);
    await wired.plane.close();
  },
);

test("a client over HTTP does not hide a call between two lines of a body, alone or in a batch", async () => {
  const { command, lines } = lineServer();
  const { url } = await proxied("http://127.0.0.1:1/", { policies: [RULES] }, { upstream: command });
  const begin = await post(url, JSON.stringify(INITIALIZE, undefined, 2));
  expect(await begin.json()).toMatchObject({ id: 0, result: {} });
  const session = { "mcp-session-id": begin.headers.get("mcp-session-id") ?? "" };
  for (const body of [hidden("\n"), `[${hidden("\r\n")}]`])
    // oxlint-disable-next-line no-await-in-loop -- one id
    expect((await post(url, body, session)).status).toBe(200);
  expect(lines()).toStrictEqual(["initialize", "ping", "ping"]);
});

test.each([
  ["JSON", "application/json", (text: string) => text],
  ["an event", "text/event-stream", (text: string) => `data: ${text.replaceAll("\n", "\ndata: ")}\n\n`],
])("a server over HTTP does not hide an answer between two lines of %s", async (_name, type, bodyOf) => {
  const answer = (id: unknown, words: string): string =>
    JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: words }] } });
  const server = await scripted((got, response) => {
    if (begun(got, response)) return;
    const { id } = asked(got);
    if (id === undefined) response.writeHead(got.method === "GET" ? 405 : 202).end();
    else {
      response.writeHead(200, { "content-type": type });
      response.end(bodyOf(`{"x":\n${answer(id, "a@example.com")}\n,${answer(id, "no").slice(1)}`));
    }
  });
  const pipe = piped({ url: server.url }, { policies: [RULES] });
  pipe.write(INITIALIZE);
  await pipe.answer(0);
  pipe.write(callOf(1, "f"));
  expect(await pipe.answer(1)).toMatchObject({ id: 1, result: { content: [{ text: "no" }] } });
});
