import type { GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";

/** How much is remembered of what began tasks. */
export interface TaskBounds {
  /** Above, the oldest are forgotten. */
  readonly maxTasks: number;
  /** How many calls may have begun tasks of one id. Of 1 the newest counts; above more, nothing is known of it any more. */
  readonly maxOfOneId: number;
  /** Whether it may know nothing of a task and has forgotten nothing. */
  readonly isOnePart: boolean;
  /** What it has in common with others. */
  readonly memory: TaskMemory;
}

/** How long the requests may be together that began tasks in all sessions of a process: many could each begin a few. */
export class TaskMemory {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** @param bytes Below 0: they are given back. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** How long the requests may be together: each call is remembered with its input, which rules may ask for. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Nobody can ask for the task of a longer one. */
const LONGEST_ID = 4_096;

interface BegunBy {
  readonly call: GuardInit;
  readonly bytes: number;
}

/** The task that an answer begins, if it does. */
export function taskIdOf({ message }: Frame): string | undefined {
  const result = recordOf(message["result"]);
  // As in 2025-11-25, or as in the extension of 2026-07-28.
  return textOf(recordOf(result?.["task"])?.["taskId"]) ?? textOf(result?.["taskId"]);
}

/** Which call a task carries on: what it gives in the end is that call's result, whatever request fetches it. */
export class BegunTasks {
  readonly #bounds: TaskBounds;
  readonly #begun = new Map<string, readonly BegunBy[] | "forgotten">();
  #bytes = 0;
  #hasForgotten = false;

  constructor(bounds: TaskBounds) {
    this.#bounds = bounds;
  }

  /** Remembers the task that the answer to a call names, if it names one. */
  remember(call: GuardInit, { request, answer }: { readonly request: Frame; readonly answer: Frame }): void {
    const id = taskIdOf(answer);
    if (id === undefined || id.length > LONGEST_ID) return;
    const { maxOfOneId } = this.#bounds;
    const known = this.#begun.get(id) ?? [];
    // Of several that may have begun it one is not known any more.
    if (known === "forgotten" && maxOfOneId > 1) return;
    const { callId: _answered, ...context } = call;
    const before = known === "forgotten" ? [] : known;
    const isMany = maxOfOneId > 1 && before.length >= maxOfOneId;
    const all = [{ call: context, bytes: request.raw.length }, ...before].slice(0, maxOfOneId);
    const begun = isMany ? "forgotten" : all;
    this.#begun.set(id, begun);
    this.#take(bytesOf(begun) - bytesOf(before));
    this.#forgetOldest();
  }

  /** Nobody asks any more. */
  end(): void {
    this.#take(-this.#bytes);
    this.#begun.clear();
    this.#hasForgotten = true;
  }

  /** @returns The calls; `forgotten` where it may have been one of those; none where no call has begun it. */
  callsOf(id: unknown): readonly GuardInit[] | "forgotten" {
    if (typeof id !== "string") return [];
    if (id.length > LONGEST_ID) return "forgotten";
    const begun = this.#begun.get(id) ?? (this.#hasForgotten && !this.#bounds.isOnePart ? "forgotten" : []);
    return begun === "forgotten" ? begun : begun.map(({ call }) => call);
  }

  #forgetOldest(): void {
    const { maxTasks, memory } = this.#bounds;
    for (const [id, begun] of this.#begun) {
      if (this.#begun.size > maxTasks) {
        this.#begun.delete(id);
        this.#hasForgotten = true;
      } else if (this.#bytes > MAX_BYTES || memory.isFull) this.#begun.set(id, "forgotten");
      else return;
      this.#take(-bytesOf(begun));
    }
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    this.#bounds.memory.take(bytes);
  }
}

function bytesOf(begun: readonly BegunBy[] | "forgotten"): number {
  return begun === "forgotten" ? 0 : begun.reduce((sum, { bytes }) => sum + bytes, 0);
}
