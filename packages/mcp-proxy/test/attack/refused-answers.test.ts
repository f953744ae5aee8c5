import { setImmediate as turn } from "node:timers/promises";

import { expect, test } from "vitest";

import { MessageScan } from "../../src/frame/message-scan.ts";
import { piped } from "../bridge/piped.ts";
import { callOf, request, wiredRelay } from "../wired-relay.ts";

const deep = `${"[".repeat(200)}${"]".repeat(200)}`;
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** Answers to the request 7 that are refused, each with its id where it can be read. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["a name that is given twice", '{"jsonrpc":"2.0","id":7,"result":{"a":1,"a":2}}'],
  ["two names that differ in case alone", '{"jsonrpc":"2.0","Result":{},"id":7,"result":{}}'],
  ["a depth that nobody needs", `{"jsonrpc":"2.0","result":${deep},"id":7}`],
  ["what is no UTF-8", '{"jsonrpc":"2.0","id":7,"result":{"a":"\xff"}}'],
  ["NaN", '{"jsonrpc":"2.0","id":7,"result":{"id":9,"n":NaN}}'],
  ["NaN before its id", '{"result":{"id":9,"t":"\\"},{","n":NaN},"id":7,"jsonrpc":"2.0"}'],
  ["an end that is missing", '{"jsonrpc":"2.0","id":7,"result":{"content":['],
  ["more in one line", '{"jsonrpc":"2.0","id":7,"result":{}}}'],
  ["two in one line", '{"jsonrpc":"2.0","id":7,"result":{}}{"jsonrpc":"2.0","method":"notifications/x"}'],
  ["a method beside its result", '{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}'],
  ["its id written otherwise", '{"jsonrpc":"2.0","\\u0069d":7.0,"result":{"n":NaN}}'],
  ["two ids", '{"jsonrpc":"2.0","id":99,"id":7,"result":{}}'],
  ["a batch around it", '[{"jsonrpc":"2.0","id":7,"result":{}},{"jsonrpc":"2.0","result":{"n":NaN},"id":8}]'],
  ["a batch with a hole", '[{"jsonrpc":"2.0","id":7,"result":{}},3]'],
];

test.each(REFUSED)(
  "an answer with %s is an error to who waits for it, and to nobody else",
  async (_, line) => {
    const wired = wiredRelay();
    for (const id of [7, 9, "7"]) wired.client(callOf(id, "f"));
    await wired.asked(3);
    wired.relay.fromServer(bytes(line));
    expect(await wired.answer(7)).toMatchObject({ error: { code: -31503 } });
    await turn();
    expect(wired.toClient).toHaveLength(1);
    wired.server({ jsonrpc: "2.0", id: 9, result: { content: [] } });
    expect(await wired.answer(9)).toHaveProperty("result");
    await wired.plane.close();
  },
);

const NAMELESS: readonly (readonly [string, string])[] = [
  ["no id", '{"jsonrpc":"2.0","result":{"n":NaN}}'],
  ["an id that is none", '{"jsonrpc":"2.0","id":{"a":1},"result":{"n":NaN}}'],
  ["an id that ends nowhere", '{"jsonrpc":"2.0","id":"7'],
];

test.each(NAMELESS)("one with %s is an error to all who may be meant", async (_, line) => {
  const wired = wiredRelay();
  for (const id of [1, "a"]) wired.client(callOf(id, "f"));
  await wired.asked(2);
  wired.relay.fromServer(bytes(line));
  for (const id of [1, "a"])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expect(await wired.answer(id)).toMatchObject({ error: { code: -31503 } });
  await wired.plane.close();
});

test("an error about no request is the only open request's, and no one's of several", async () => {
  const line = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}';
  const wired = wiredRelay();
  wired.client(callOf(1, "f"));
  wired.client(callOf(2, "f"));
  await wired.asked(2);
  wired.server(line);
  await turn();
  expect(wired.toClient).toStrictEqual([]);
  wired.server({ jsonrpc: "2.0", id: 2, result: { content: [] } });
  await wired.answer(2);
  wired.server(line);
  expect(await wired.answer(1)).toMatchObject({ error: { code: -31503 } });
  await wired.plane.close();
});

test.each([
  ["a line that a program prints", "listening on port 3000"],
  ["a record of a log", '{"level":30,"time":1,"msg":"hello","time":2}'],
  ["a list of a log", "[INFO] NaN"],
  ["a value in several lines", "{"],
  ["a notification", '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":NaN}}'],
  ["an answer to somebody else", '{"jsonrpc":"2.0","id":"7","result":{"n":NaN}}'],
])("%s leaves calls alone", async (_, line) => {
  const wired = wiredRelay();
  wired.client(callOf(7, "f"));
  await wired.asked(1);
  wired.relay.fromServer(bytes(line));
  wired.server({ jsonrpc: "2.0", id: 7, result: { content: [] } });
  expect(await wired.answer(7)).toHaveProperty("result");
  expect([wired.toClient.length, wired.toServer.length]).toStrictEqual([1, 1]);
  await wired.plane.close();
});

test.each([
  ['{"jsonrpc":"2.0","id":"s","method":"roots/list","params":{"n":NaN}}', -32700],
  ['{"jsonrpc":"2.0","id":"s","method":"roots/list","params":{"a":1,"a":1}}', -32600],
])("a request of the server's that is refused is answered under its id: %s", async (line, code) => {
  const wired = wiredRelay();
  wired.client(callOf("s", "f"));
  await wired.asked(1);
  wired.server(line);
  expect(JSON.parse(wired.toServer[1] ?? "{}")).toMatchObject({ id: "s", error: { code } });
  await turn();
  expect(wired.toClient).toStrictEqual([]);
  await wired.plane.close();
});

test.each(REFUSED.map(([name, line]) => [name, line.replaceAll(":7", ':"s7"')] as const))(
  "an answer of the client's with %s is an error to the server that waits for it",
  async (_, line) => {
    const wired = wiredRelay();
    wired.server(request("s7", "roots/list"));
    await wired.answer("s7");
    wired.relay.fromClient(bytes(line));
    const [told] = await wired.asked(1);
    expect(told).toMatchObject({ id: "s7", error: { code: -31503 } });
    // Under this id the client has asked nothing.
    expect(wired.toClient.slice(1).map((text) => (JSON.parse(text) as { id: unknown }).id)).toStrictEqual([
      null,
    ]);
    await wired.plane.close();
  },
);

/** Answers as it is told to, over standard streams. */
const SERVER = `
const say = (text) => process.stdout.write(text + "\\n");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method !== "tools/call")
    return say(JSON.stringify({ jsonrpc: "2.0", id, result: { protocolVersion: "2025-11-25", capabilities: {} } }));
  const long = params.name === "long" ? "x".repeat(3_000) : "";
  if (params.name === "wait") return;
  const result = JSON.stringify({ content: [{ type: "text", text: long }], id: "w" });
  say('{"jsonrpc":"2.0","result":' + result + ',"id":' + JSON.stringify(id) + "}");
});`;

test("an answer over standard streams that is too long is an error to who waits for it", async () => {
  const upstream = { command: process.execPath, args: ["-e", SERVER] };
  const pipe = piped(upstream, {}, { maxFrameBytes: 2_000 });
  pipe.write(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  await pipe.answer(0);
  pipe.write(callOf("w", "wait"));
  pipe.write(callOf(1, "long"));
  expect(await pipe.answer(1)).toMatchObject({
    error: { code: -31503, message: expect.stringContaining("too long") as unknown },
  });
  pipe.write(callOf(2, "short"));
  expect(await pipe.answer(2)).toHaveProperty("result");
  expect(pipe.said.some(({ id }) => id === "w")).toBe(false);
  pipe.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "w" } });
});

test("a request of the client's that is too long is an error under its id", async () => {
  const upstream = { command: process.execPath, args: ["-e", SERVER] };
  const pipe = piped(upstream, {}, { maxFrameBytes: 2_000 });
  pipe.write(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  await pipe.answer(0);
  pipe.write({
    params: { id: 3, name: "f", arguments: { x: "y".repeat(3_000) } },
    method: "tools/call",
    id: 1,
  });
  expect(await pipe.answer(1)).toMatchObject({
    error: { code: -32600, message: expect.stringContaining("too long") as unknown },
  });
});

test.each(['{"level":30,"id":7,"msg":"x"}', '{"level":"error","error":"x"}', 'INFO {"id":7}'])(
  "a line of a log that is printed between messages, %s, ends nothing",
  async (line) => {
    const wired = wiredRelay();
    wired.client(callOf(7, "f"));
    await wired.asked(1);
    wired.relay.fromServer(bytes(line));
    await turn();
    expect(wired.toClient).toStrictEqual([]);
    wired.server({ jsonrpc: "2.0", id: 7, result: { content: [] } });
    expect(await wired.answer(7)).toHaveProperty("result");
    await wired.plane.close();
  },
);

test("keeps few ids of a message that never ends", () => {
  const scan = new MessageScan();
  scan.push(bytes(`{"jsonrpc":"2.0"${Array.from({ length: 1_000 }, (_, at) => `,"id":${at}`).join("")}`));
  scan.push(bytes(',"id":3'.repeat(1_000)));
  expect(scan.found[0]?.ids).toStrictEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
