import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { Client } from "pg";

import { binaries } from "./find-servers.ts";

const START_MS = 55_000;

/** A server of the test's own, to be stopped, paused and killed. */
export class PrivateServer {
  readonly #directory: string;
  readonly #bin: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(directory: string, bin: string, port: number) {
    this.#directory = directory;
    this.#bin = bin;
    this.port = port;
  }

  static async create(): Promise<PrivateServer> {
    const bin = binaries();
    if (bin === undefined) throw new Error("there is no PostgreSQL server here");
    const directory = await mkdtemp(join(tmpdir(), "agentplane-postgres-"));
    // The server refuses to run as root.
    if (isRoot()) execFileSync("chown", ["postgres", directory]);
    await chmod(directory, 0o700);
    const args = ["-D", directory, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"];
    execFileSync(join(bin, "initdb"), args, { stdio: "pipe", cwd: "/", ...owner() });
    const server = new PrivateServer(directory, bin, await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  async start(): Promise<void> {
    const settings = [
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "max_connections=200",
    ];
    const args = ["-D", this.#directory, "-p", String(this.port), ...settings];
    const start = (): ChildProcess =>
      spawn(join(this.#bin, "postgres"), args, { stdio: "ignore", cwd: "/", ...owner() });
    this.#process = start();
    // After a crash it reads through its log first, which takes as long as a busy machine lets it.
    const untilMs = performance.now() + START_MS;
    while (performance.now() < untilMs) {
      // oxlint-disable-next-line no-await-in-loop -- waits for it
      if (await this.#answers()) return;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await setTimeout(50);
      // It refuses to start beside a child of the one that crashed, which has not seen yet that it is alone.
      if (this.#process.exitCode !== null) this.#process = start();
    }
    throw new Error("the private PostgreSQL server does not start");
  }

  /** Ends sessions and then itself. */
  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** As a machine that loses its power: nothing is finished or written down. */
  async crash(): Promise<void> {
    for (const pid of this.#family().toReversed()) signal(pid, "SIGKILL");
    await this.#end("SIGKILL");
  }

  /** Goes on accepting connections, by its kernel, and answers nothing. */
  pause(): void {
    for (const pid of this.#family()) signal(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.#family()) signal(pid, "SIGCONT");
  }

  async destroy(): Promise<void> {
    this.resume();
    await this.#end("SIGQUIT");
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  }

  async #end(name: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => void running.once("exit", resolve));
    running.kill(name);
    await ended;
  }

  #family(): readonly number[] {
    const pid = this.#process?.pid;
    return pid === undefined ? [] : [pid, ...childrenOf(pid)];
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)])
      .toString()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number);
  } catch {
    // It has none.
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** As whom the server runs: as oneself, but for root, as whom it does not. */
function owner(): { readonly uid?: number; readonly gid?: number } {
  if (!isRoot()) return {};
  const idOf = (option: string): number => Number(execFileSync("id", [option, "postgres"]).toString());
  return { uid: idOf("-u"), gid: idOf("-g") };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
