import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";

import { REDIS_SERVER } from "./find-servers.ts";

/** A server of a test's own, to be stopped, paused and killed. */
export interface PrivateServer {
  readonly url: string;
  readonly port: number;
  /** Starts it again with the data that it has written. */
  start(): Promise<void>;
  /** Ends it in good order; what it holds is written. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it for good and removes its files. */
  dispose(): Promise<void>;
}

/**
 * Starts `redis-server` on a free port of the loopback interface; every write is on the disk before it is answered, so
 * that a kill loses nothing that was told.
 */
export async function startServer(settings: readonly string[] = []): Promise<PrivateServer> {
  const directory = await mkdtemp(join(tmpdir(), "agentplane-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGCONT");
    running.kill(signal);
    await ended;
  };
  const server: PrivateServer = {
    url,
    port,
    async start() {
      const always = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
      const durable = ["--appendonly", "yes", "--appendfsync", "always"];
      child = spawn(REDIS_SERVER, [...always, ...durable, ...settings], { stdio: "ignore" });
      const started = child;
      // A test that fails in its set-up must not leave a server behind.
      const kill = (): void => void started.kill("SIGKILL");
      process.once("exit", kill);
      child.once("exit", () => process.off("exit", kill));
      child.once("error", (error) => {
        throw new Error("redis-server cannot be started; install it", { cause: error });
      });
      await answers(url);
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async dispose() {
      await end("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function answers(url: string): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  await client.ping();
  client.disconnect();
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
