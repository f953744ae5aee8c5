import type { GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";

/** Above, the oldest are forgotten: each keeps the input of its call. */
const MAX_TASKS = 1_000;

/** The task that an answer begins, if it does. */
export function taskIdOf({ message }: Frame): string | undefined {
  const result = recordOf(message["result"]);
  // As in 2025-11-25, or as in the extension of 2026-07-28.
  return textOf(recordOf(result?.["task"])?.["taskId"]) ?? textOf(result?.["taskId"]);
}

/** Which call a task carries on: what it gives in the end is that call's result, whatever request fetches it. */
export class BegunTasks {
  readonly #calls = new Map<string, GuardInit>();
  #hasForgotten = false;

  /** Remembers the task that the answer to a call names, if it names one. */
  remember(call: GuardInit, answer: Frame): void {
    const id = taskIdOf(answer);
    if (id === undefined) return;
    const [oldest] = this.#calls.keys();
    if (this.#calls.size >= MAX_TASKS && oldest !== undefined) {
      this.#calls.delete(oldest);
      this.#hasForgotten = true;
    }
    const { callId: _answered, ...context } = call;
    this.#calls.set(id, context);
  }

  /** @returns The call; `forgotten` where it may have been one of those; undefined where no call has begun it. */
  callOf(id: unknown): GuardInit | "forgotten" | undefined {
    const call = typeof id === "string" ? this.#calls.get(id) : undefined;
    return call ?? (this.#hasForgotten && typeof id === "string" ? "forgotten" : undefined);
  }
}
