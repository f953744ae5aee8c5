import { AgentplaneError, type Denied, type ResultCodec } from "@agentplane/core";
import type { AIMessage, BaseMessage, ToolMessage } from "@langchain/core/messages";

import { readContent } from "../content/message-content.ts";
import type { GovernedPlane } from "../call/plane.ts";
import type { AgentRun } from "./run-start.ts";

/** What a run gave: the model's last words, or those of a tool that returns directly. */
export type RunAnswer = AIMessage | ToolMessage | undefined;

/** How a run ended, as far as its calls show; or it pauses, and goes on later. */
export type RunEnd =
  | { readonly answer: RunAnswer }
  | { readonly error: unknown }
  | { readonly isPaused: true };

/** What a call of a run is to be made with, and what it tells of its end. */
export interface BegunCall {
  /** The prompt, with the run's input as it was decided. */
  readonly messages: readonly BaseMessage[];
  readonly run: LiveRun;
}

/** Where a run is kept while it lasts. */
export interface RunPlace {
  readonly plane: GovernedPlane;
  /** Whether some call of the run waits for a human. */
  isPaused(): boolean;
  pause(): void;
  /** Forgets the run: what comes next begins another one. */
  forget(): void;
}

/** An abort, a recursion limit or a breakpoint ends a run where no call shows it: between calls nothing takes as long. */
const IDLE_MS = 60_000;

/** A run that was admitted, from its first call to its end. */
export class LiveRun {
  readonly #run: AgentRun;
  readonly #place: RunPlace;
  /** Calls that have entered and not left. */
  #calls = 0;
  #isOver = false;
  /** Ends the run when nothing more comes; undefined until its first call ends. */
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(run: AgentRun, place: RunPlace) {
    this.#run = run;
    this.#place = place;
  }

  /** One more call. The timer goes on, for nothing: a call that ends sets it back, which costs less than another one. */
  enter(messages: readonly BaseMessage[]): BegunCall {
    this.#calls++;
    return { messages: this.#run.rewrite(messages), run: this };
  }

  /** A call ended and the run goes on, unless a call beside it pauses. */
  leave(): void | Promise<unknown> {
    if (this.#isOver || --this.#calls > 0) return undefined;
    if (this.#place.isPaused()) return this.end({ isPaused: true });
    this.#wait();
    return undefined;
  }

  /**
   * Judges the run, once.
   * @returns Why its answer is withheld, if it is.
   */
  async end(end: RunEnd): Promise<Denied | undefined> {
    if ("isPaused" in end) this.#place.pause();
    if (this.#isOver) return undefined;
    this.#isOver = true;
    this.#place.forget();
    clearTimeout(this.#idle);
    return ended(this.#place.plane, this.#run, end);
  }

  /** Starts the wait for a next call, or starts it again. */
  #wait(): void {
    // A number outside of Node.js, whatever the types say.
    const idle = this.#idle as { refresh?: () => unknown } | undefined;
    if (idle?.refresh !== undefined) return void idle.refresh();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#endIdle(), IDLE_MS);
    // As above. It does not keep a process alive that has nothing else to do.
    (this.#idle as { unref?: () => unknown }).unref?.();
  }

  #endIdle(): void {
    // A call that runs longer than that, after one that had ended.
    if (this.#calls > 0) return;
    // Made only where it is needed: each error takes a picture of the stack.
    const error = new Error(
      "the run ended where none of its calls showed it: aborted, out of steps, or waiting",
    );
    // Nobody waits for it; what could not be recorded is told by the audit trail's own ways.
    void this.end({ error }).catch(() => undefined);
  }
}

async function ended(
  { guard }: GovernedPlane,
  { admission }: AgentRun,
  end: RunEnd,
): Promise<Denied | undefined> {
  if ("isPaused" in end) {
    await guard.suspend(admission);
    return undefined;
  }
  if ("error" in end) {
    const completed = guard.complete(admission, { status: "failed", error: end.error });
    // It throws what it is given; who called does so anyway.
    await Promise.resolve(completed).catch(() => undefined);
    return undefined;
  }
  const outcome = await guard.complete(admission, { status: "ran", result: end.answer, codec: RUN_RESULT });
  return outcome.status === "ran" ? undefined : outcome;
}

/** What rules see of a run: its last answer; nothing where it has none. */
const RUN_RESULT: ResultCodec<RunAnswer> = {
  read: (answer) => (answer === undefined ? null : readContent(answer)),
  write() {
    // Streams have shown it already.
    throw new AgentplaneError(
      "content_refused",
      "what a run gave cannot be rewritten at after_agent; redact at after_model_call, or block",
    );
  },
};
