import type { Admission } from "@agentplane/core";
import { createRequestStateCodec, type RequestStateCodec } from "@modelcontextprotocol/server";

import type { Frame } from "../frame/frame.ts";
import { BegunTasks, TaskMemory, type TaskBounds } from "./begun-tasks.ts";
import { ToolNames } from "../names/tool-names.ts";

/** What the client carries for us, sealed: it can neither read another's nor change its own. */
export interface Carried {
  readonly approvalId: string;
  /** Of the call that was asked about. */
  readonly digest: string;
  /** Good for one answer. */
  readonly nonce: string;
  /** What the server had given the client to carry, if it had. */
  readonly inner?: string;
}

/** How long a sealed state is good for, in seconds; its nonce is remembered as long. */
const STATE_S = 600;

const TASKS: TaskBounds = {
  maxTasks: 1_000,
  maxOfOneId: 1,
  isOnePart: false,
  memory: new TaskMemory(256 * 1024 * 1024),
};

/**
 * What outlives a connection where each request has its own: one client, one key. A state that another client carries was
 * sealed with another key.
 */
export class Lasting {
  readonly codec: RequestStateCodec<Carried>;
  /** What the server says of a tool that does not exist, by era of the protocol. */
  readonly probes = new Map<"modern" | "legacy", Promise<Frame | undefined>>();
  /** What the server has listed. */
  readonly toolNames = new ToolNames();
  /** What tools have begun at the server. */
  readonly tasks = new BegunTasks(TASKS);
  /** What the server has begun at the client: its model, or its user. */
  readonly clientTasks = new BegunTasks(TASKS);
  /** The run that the session is, once it has begun. */
  session: Admission | undefined;
  /** Settles when nobody is about to begin it. */
  beginning: Promise<unknown> = Promise.resolve();
  readonly #usedAtMs = new Map<string, number>();

  constructor() {
    const key = crypto.getRandomValues(new Uint8Array(32));
    this.codec = createRequestStateCodec<Carried>({ key, ttlSeconds: STATE_S });
  }

  /** Gives back what is held of it. */
  end(): void {
    this.tasks.end();
    this.clientTasks.end();
  }

  /** @returns False when it was used before. */
  use(nonce: string): boolean {
    const nowMs = performance.now();
    for (const [old, atMs] of this.#usedAtMs) {
      if (nowMs - atMs < 2 * STATE_S * 1_000) break;
      this.#usedAtMs.delete(old);
    }
    if (this.#usedAtMs.has(nonce)) return false;
    this.#usedAtMs.set(nonce, nowMs);
    return true;
  }
}
