import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { LineSplitter } from "../frame/read-lines.ts";
import type { Unread } from "../frame/unread.ts";
import { LineWriter } from "../frame/write-lines.ts";
import { startProblem } from "./start-problem.ts";
import { groupEnded, groupStarted, startWatching } from "./watchdog.ts";

/** How a server is started. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Variables beside the few that every program needs. Default none: what this process knows is not the server's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a server's process tells. */
export interface ServerEvents {
  line(bytes: Uint8Array): void;
  tooLong(line: Unread): void;
  /** It ended, or could not be started. */
  exit(reason: string): void;
}

/** What programs need to run at all; secrets live in others. */
const INHERITED = ["PATH", "HOME", "LANG", "LC_ALL", "SHELL", "TERM", "TMPDIR", "USER", "LOGNAME"] as const;
const INHERITED_ON_WINDOWS = [
  "APPDATA",
  "LOCALAPPDATA",
  "PATHEXT",
  "SYSTEMROOT",
  "TEMP",
  "USERPROFILE",
] as const;
/** How long a server has at each step of being stopped: all of it is less than clients give the proxy. */
const GRACE_MS = 500;

/** One run of a server: a process of its own group, so that whatever it starts ends with it. */
export class ServerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #input: LineWriter;
  readonly #ended: Promise<void>;
  #isStopped = false;

  /** @throws Error where the system refuses at once to start it */
  constructor(command: ServerCommand, events: ServerEvents, maxFrameBytes: number) {
    startWatching();
    // Never through a shell: an argument is an argument.
    this.#child = spawn(command.command, command.args, {
      stdio: ["pipe", "pipe", "inherit"],
      detached: process.platform !== "win32",
      env: { ...inherited(), ...command.env },
      ...(command.cwd !== undefined && { cwd: command.cwd }),
    });
    if (this.#child.pid !== undefined) groupStarted(this.#child.pid);
    this.#input = new LineWriter(this.#child.stdin);
    const splitter = new LineSplitter(maxFrameBytes);
    this.#child.stdout.on("data", (bytes: Uint8Array) => {
      for (const line of splitter.push(bytes)) {
        if ("bytes" in line) events.line(line.bytes);
        else events.tooLong(line.tooLong);
      }
    });
    // A pipe that breaks is told by the exit.
    this.#child.stdin.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        // What a server that died had started has nobody left to serve.
        this.#signal("SIGKILL");
        if (this.#child.pid !== undefined) groupEnded(this.#child.pid);
        resolve();
        if (!this.#isStopped) events.exit(reason);
        this.#isStopped = true;
      };
      this.#child.on("error", (error) => end(startProblem(command, error)));
      this.#child.on("close", (code, signal) => end(`the server ended (${signal ?? `exit code ${code}`})`));
    });
  }

  send(bytes: Uint8Array): void {
    this.#input.write(bytes);
  }

  /** Ends the server and everything it started: by the end of its input, then by signals. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#input.flush();
    this.#child.stdin.end();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- each step only when the one before did not help
      if (await this.#endsWithin(GRACE_MS)) break;
      this.#signal(signal);
    }
    await this.#ended;
  }

  #endsWithin(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs);
      void this.#ended.finally(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch (error) {
      // Nobody of the group is left.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

function inherited(): Record<string, string> {
  const names = process.platform === "win32" ? [...INHERITED, ...INHERITED_ON_WINDOWS] : INHERITED;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      // A function as a value is a trick of old shells.
      return value === undefined || value.startsWith("()") ? [] : [[name, value]];
    }),
  );
}
