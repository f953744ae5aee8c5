import { PassThrough, Writable } from "node:stream";

import { createAgentPlane } from "@agentplane/core";
import { expect, onTestFinished, test } from "vitest";

import { Connection } from "../src/connection/connection.ts";
import { runStdioProxy } from "../src/index.ts";
import type { Frame } from "../src/frame/frame.ts";
import { resultFrame } from "../src/frame/rpc.ts";
import { callOf, request } from "./wired-relay.ts";

/** A server that answers a call after as many ms as that says, or after the client has answered what it asks itself. */
const SERVER = `
import { createInterface } from "node:readline";
const say = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
const answer = (id, text) => say({ id, result: { content: [{ type: "text", text }] } });
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params, error } = JSON.parse(line);
  if (method === "initialize") say({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
  if (id === "q") answer(1, error.message);
  if (method !== "tools/call") return;
  if (params.name === "ask") say({ id: "q", method: "roots/list" });
  else if (params.name === "never") return;
  else setTimeout(() => answer(id, "late"), params.arguments.ms);
});
`;
/** One that ends when it is asked to, and knows a call without a beginning. */
const MORTAL = SERVER.replace("const { id", 'if (line.includes("die")) process.exit(1);\n  const { id');
const INITIALIZE = request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: { roots: {} } });

/** A proxy whose client says all it has to say, and leaves. */
async function saidAndLeft(
  calls: Record<string, unknown> | readonly Record<string, unknown>[],
  { output, signal }: { readonly output: Writable; readonly signal?: AbortSignal },
): Promise<void> {
  const plane = createAgentPlane({});
  onTestFinished(() => plane.close());
  const input = new PassThrough();
  input.end(
    [INITIALIZE, calls]
      .flat()
      .map((call) => `${JSON.stringify(call)}\n`)
      .join(""),
  );
  const upstream = { command: process.execPath, args: ["--input-type=module", "-e", SERVER] };
  await runStdioProxy({
    plane,
    identity: { agent: "writer" },
    server: "s",
    upstream,
    input,
    output,
    ...(signal !== undefined && { signal }),
  });
}

function collected(): { readonly output: Writable; text(): string } {
  const pieces: string[] = [];
  const output = new Writable({
    write(bytes: Buffer, _encoding, done) {
      pieces.push(bytes.toString());
      done();
    },
  });
  return { output, text: () => pieces.join("") };
}

test("a call that takes longer than a moment is answered to a client that has left its input", async () => {
  const { output, text } = collected();
  await saidAndLeft(callOf(1, "slow", { ms: 900 }), { output });
  expect(text()).toContain("late");
});

test("a server that asks a client that has left is told so, and answers without it", async () => {
  const { output, text } = collected();
  await saidAndLeft(callOf(1, "ask"), { output });
  expect(text()).toContain("the client has left");
});

test("a call that the client has given up is not waited for", async () => {
  const { output, text } = collected();
  const givenUp = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  await saidAndLeft([callOf(1, "never"), givenUp], { output });
  expect(text()).not.toContain('"id":1');
  // Less than calls in flight may take.
}, 20_000);

test("an answer that has to leave after what rules still think about is owed until then", async () => {
  const plane = createAgentPlane({});
  onTestFinished(() => plane.close());
  const left: unknown[] = [];
  const peers = {
    toClient: ({ message }: Frame) => void left.push(message["id"]),
    toServer: () => undefined,
  };
  const connection = new Connection({ plane, identity: { agent: "writer" }, server: "s" }, peers);
  let letGo = (): void => undefined;
  connection.inTurn(() => new Promise((resolve) => (letGo = resolve)));
  connection.inTurn(() => peers.toClient(resultFrame(1, {})));
  expect([connection.owesNothing, left]).toStrictEqual([false, []]);
  const less = new Promise<void>((resolve) => (connection.onLessOwed = resolve));
  letGo();
  await less;
  expect([connection.owesNothing, left]).toStrictEqual([true, [1]]);
});

test("who is told to end does not wait for the last answers", async () => {
  const stop = new AbortController();
  const { output, text } = collected();
  const ended = saidAndLeft(callOf(1, "never"), { output, signal: stop.signal });
  await expect.poll(text).toContain('"id":0');
  stop.abort();
  await ended;
  expect(text()).not.toContain('"id":1');
});

test("a client that reads no more ends the proxy, and what it was asked", async () => {
  const output = new Writable({ write: (_bytes, _encoding, done) => done(new Error("EPIPE")) });
  await saidAndLeft(callOf(1, "never"), { output });
  expect(output.destroyed).toBe(true);
});

test("what waited for a server that is started again is answered as well", async () => {
  const { output, text } = collected();
  const input = new PassThrough();
  const plane = createAgentPlane({});
  onTestFinished(() => plane.close());
  const logged: string[] = [];
  const upstream = { command: process.execPath, args: ["--input-type=module", "-e", MORTAL] };
  const log = (line: string): void => void logged.push(line);
  const ended = runStdioProxy({
    plane,
    identity: { agent: "writer" },
    server: "s",
    upstream,
    input,
    output,
    log,
  });
  input.write(`${JSON.stringify(INITIALIZE)}\n${JSON.stringify(callOf(1, "die"))}\n`);
  await expect.poll(() => logged.join(), { timeout: 10_000 }).toContain("the server ended");
  input.end(`${JSON.stringify(callOf(2, "slow", { ms: 0 }))}\n`);
  await ended;
  expect(text()).toContain("late");
});
