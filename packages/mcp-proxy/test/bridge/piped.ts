import { PassThrough } from "node:stream";

import { createAgentPlane, type AgentPlane, type PlaneOptions } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { Client, type ClientOptions, type Transport } from "@modelcontextprotocol/client";
import { expect, onTestFinished } from "vitest";

import { runStdioProxy, type StdioProxyOptions } from "../../src/index.ts";

type Message = Record<string, unknown>;

/** A proxy whose standard streams are in the test's hands. */
export interface Piped {
  readonly plane: AgentPlane;
  readonly said: readonly Message[];
  readonly logged: readonly string[];
  write(message: unknown): void;
  /** The same, of a message as it is written. */
  writeLine(text: string): void;
  /** The answer to a request, once it is there. */
  answer(id: string | number): Promise<Message>;
  /** A client of the SDK over these streams. */
  client(era: "legacy" | "auto", options?: ClientOptions): Promise<Client>;
  /** The client leaves. Settles when everything is over. */
  leave(): Promise<void>;
}

/** Runs a proxy over standard streams; it ends with the test. */
export function piped(
  upstream: StdioProxyOptions["upstream"],
  planeOptions: PlaneOptions = {},
  options: Partial<StdioProxyOptions> = {},
): Piped {
  const plane = createAgentPlane({
    scanner: createScanner(),
    approvals: { resolver: "external" },
    ...planeOptions,
  });
  const [input, output] = [new PassThrough(), new PassThrough()];
  const [said, logged]: [Message[], string[]] = [[], []];
  const hearers: ((message: Message) => void)[] = [(message) => void said.push(message)];
  let rest = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    // Standard output carries JSON objects alone: anything else fails here.
    for (const line of lines) for (const hear of hearers) hear(JSON.parse(line) as Message);
  });
  const stop = new AbortController();
  const ended = runStdioProxy({
    plane,
    identity: { agent: "writer", tenant: "acme" },
    server: "shop",
    upstream,
    input,
    output,
    signal: stop.signal,
    log: (line) => void logged.push(line),
    ...options,
  });
  const leave = async (): Promise<void> => {
    input.end();
    await ended;
  };
  onTestFinished(async () => {
    // A test that has failed waits for no answers.
    stop.abort();
    await leave();
    await plane.close();
  });
  const writeLine = (text: string): void => void input.write(`${text}\n`);
  const write = (message: unknown): void => writeLine(JSON.stringify(message));
  return {
    plane,
    said,
    logged,
    write,
    writeLine,
    leave,
    async answer(id) {
      const isIt = (message: Message): boolean => message["id"] === id && !("method" in message);
      await expect.poll(() => said.some(isIt), { timeout: 10_000 }).toBe(true);
      return said.find(isIt) ?? {};
    },
    async client(era, clientOptions = {}) {
      const transport: Transport = {
        // The SDK forgets a call's progress that comes in one piece with its result: each message in a turn of its own.
        start: async () =>
          void hearers.push((message) => setImmediate(() => transport.onmessage?.(message as never))),
        send: async (message) => write(message),
        close: async () => transport.onclose?.(),
      };
      const client = new Client(
        { name: "test", version: "1.0.0" },
        { versionNegotiation: { mode: era }, ...clientOptions },
      );
      await client.connect(transport);
      return client;
    },
  };
}
