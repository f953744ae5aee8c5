import type { Readable, Writable } from "node:stream";

import { ConfigError } from "@agentplane/core";

import { Connection } from "./connection/connection.ts";
import { refuseOfClient } from "./call/refused-message.ts";
import type { Frame } from "./frame/frame.ts";
import { LineSplitter } from "./frame/read-lines.ts";
import { LineWriter } from "./frame/write-lines.ts";
import type { Unread } from "./frame/unread.ts";
import { checkProxyOptions, type ProxyOptions } from "./connection/proxy-options.ts";
import { relayOf } from "./relay.ts";
import type { MessageChannel } from "./upstream/message-channel.ts";
import { channelsTo } from "./upstream/open-channel.ts";
import { addressIssues, type ServerAddress } from "./upstream/server-address.ts";
import type { ServerCommand } from "./upstream/server-process.ts";

/** A proxy of one client that speaks over standard streams. */
export interface StdioProxyOptions extends ProxyOptions {
  /** A server that is started, and speaks over its standard streams; or one that listens, and speaks over HTTP. */
  readonly upstream: ServerCommand | ServerAddress;
  /** The client's messages. Default: standard input. */
  readonly input?: Readable;
  /** Messages to the client, and nothing else. Default: standard output. */
  readonly output?: Writable;
  /** Ends the proxy, as the end of its input does. */
  readonly signal?: AbortSignal;
}

const DEFAULT_MAX_FRAME = 10 * 1024 * 1024;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
/**
 * How long calls in flight have to be answered when the client's input has ended: scripts write all they ask and close it.
 * A client that does not want the answers any more says so by SIGTERM, or reads no more.
 */
const LAST_ANSWERS_MS = 30_000;
/** A server that lived so long starts anew with patience. */
const STEADY_MS = 30_000;

/**
 * Stands between a server and a client until the client leaves. A server that ends is started again, with growing patience,
 * and told what the client said when it began; what it was asked meanwhile is answered with an error.
 * @returns When everything is over, the server's process group or session included.
 * @throws ConfigError for options that would do nothing
 */
export async function runStdioProxy(options: StdioProxyOptions): Promise<void> {
  const { upstream, input = process.stdin, output = process.stdout, signal, ...relayOptions } = options;
  const { maxFrameBytes = DEFAULT_MAX_FRAME, log = () => undefined } = options;
  checkAddress(upstream);
  checkProxyOptions("runStdioProxy", relayOptions);
  const channels = channelsTo(upstream, { maxFrameBytes, log });
  const stop = stopping(output, signal, log);
  let server: MessageChannel | undefined;
  let held: Uint8Array[] | undefined;
  let retryMs = FIRST_RETRY_MS;
  let startedMs = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const client = new LineWriter(output);
  let said: (() => void) | undefined;
  const toClient = (frame: Frame): void => {
    client.write(frame.raw);
    said?.();
  };
  // What rules or a person have let go on just when there is no server must not wait for ever.
  const toNobody = (): void =>
    queueMicrotask(() => relay.serverGone("the server has ended and is started again"));
  const toServer = (frame: Frame): void => (server === undefined ? toNobody() : server.send(frame));
  const connection = new Connection(relayOptions, { toClient, toServer });
  connection.onLessOwed = () => said?.();
  const relay = relayOf(connection);

  const start = (): MessageChannel => {
    startedMs = performance.now();
    return channels.open({ messages: relay.takeServer, ended: onEnd });
  };
  const onEnd = (reason: string): void => {
    log(reason);
    server = undefined;
    held ??= [];
    relay.serverGone(reason);
    if (isOver) return release();
    if (performance.now() - startedMs > STEADY_MS) retryMs = FIRST_RETRY_MS;
    timer = setTimeout(() => void restart(), retryMs);
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
  };
  const restart = async (): Promise<void> => {
    server = start();
    // It ended again while it was told: the next start goes on.
    await relay.serverBack().catch((error: unknown) => log(String(error)));
    if (server !== undefined) release();
  };
  const release = (): void => {
    const waiting = held ?? [];
    held = undefined;
    for (const line of waiting) relay.fromClient(line);
    said?.();
  };

  server = start();
  try {
    await untilEnd(input, stop, new LineSplitter(maxFrameBytes), {
      line(bytes) {
        // While there is no server, the first messages wait for it.
        if (held === undefined || held.length >= MAX_HELD) relay.fromClient(bytes);
        else held.push(bytes);
      },
      tooLong: (line) => refuseOfClient(connection, line),
    });
    // A server that ends now is not started again.
    isOver = true;
    connection.clientLeft();
    await untilAnswered(connection, {
      signal: stop,
      isHolding: () => held !== undefined && held.length > 0,
      onSaid: (hear) => (said = hear),
    });
  } finally {
    isOver = true;
    clearTimeout(timer);
    const closed = relay.close();
    // `start` may have made another one since.
    await (server as MessageChannel | undefined)?.close();
    channels.close();
    client.flush();
    await closed;
  }
}

/** @throws ConfigError for an address that is none */
function checkAddress(upstream: ServerCommand | ServerAddress): void {
  if (!("url" in upstream)) return;
  const at = { url: "upstream.url", token: "upstream.token", transport: "upstream.transport" };
  const issues = addressIssues(upstream, at);
  if (issues.length > 0) throw new ConfigError("runStdioProxy", issues);
}

const MAX_HELD = 1_000;

interface LineEvents {
  line(bytes: Uint8Array): void;
  tooLong(line: Unread): void;
}

/** Reads lines until the input ends, or is told to. */
function untilEnd(
  input: Readable,
  signal: AbortSignal,
  splitter: LineSplitter,
  events: LineEvents,
): Promise<void> {
  const onData = (bytes: Uint8Array): void => feed(splitter, bytes, events);
  return new Promise((resolve) => {
    const end = (): void => {
      input.off("data", onData);
      // Told to end, the process must not wait for a client that is still there.
      input.pause();
      resolve();
    };
    input.on("data", onData);
    input.once("end", end);
    input.once("close", end);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}

interface Answering {
  readonly signal: AbortSignal;
  /** Whether messages wait for a server that is started again. */
  readonly isHolding: () => boolean;
  readonly onSaid: (hear: () => void) => void;
}

/** A client may say all it has to say and leave: what it asked is answered, if that does not take too long. */
function untilAnswered(connection: Connection, { signal, isHolding, onSaid }: Answering): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LAST_ANSWERS_MS);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const look = (): void => (connection.owesNothing && !isHolding() ? end() : undefined);
    onSaid(look);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    look();
  });
}

/** @returns What ends the proxy at once: whoever runs it, or a client that reads no more. */
function stopping(
  output: Writable,
  signal: AbortSignal | undefined,
  log: (line: string) => void,
): AbortSignal {
  const stop = new AbortController();
  // Stays on: what was still to be written fails as well, and nobody else would hear that.
  output.on("error", ({ message }) => {
    log(`the client reads no more: ${message}`);
    stop.abort();
  });
  return signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
}

function feed(splitter: LineSplitter, bytes: Uint8Array, events: LineEvents): void {
  for (const line of splitter.push(bytes)) {
    if ("bytes" in line) events.line(line.bytes);
    else events.tooLong(line.tooLong);
  }
}
