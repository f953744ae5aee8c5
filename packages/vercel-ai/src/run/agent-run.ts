import { PolicyError, type Admission, type Denied, type GuardInit, type ResultCodec } from "@agentplane/core";
import { generateId } from "ai";

import type { Denial } from "../call/denial.ts";
import { whenAnswered } from "../call/nested-wait.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { userTexts, withUserTexts } from "../content/user-texts.ts";

/** How a run ended. */
export type RunEnd<Result> = { readonly result: Result } | { readonly denial: Denied };

/**
 * One run of an agent: decided before its first step, judged when it has ended, once each. The SDK has no place for
 * either, so whatever comes first begins it, and whatever sees the end ends it. One that goes on after an answer (its
 * reader said more, its stream is tried again) begins anew, so that no answer is the last and unjudged; one that a policy
 * has ended does not go on.
 */
export class AgentRun {
  readonly #plane: GovernedPlane;
  readonly #agent: GuardInit;
  readonly #changed = new Map<string, string>();
  #begun: Promise<Denial | undefined> | Denial | undefined;
  #admission: Admission | undefined;
  #isOver = false;
  #unwatch = (): void => undefined;

  /** Whether one model call is all of it, whatever that answers. */
  readonly isOneCall: boolean;

  /** @param agent Who acts, at `before_agent`. */
  constructor(plane: GovernedPlane, agent: GuardInit, isOneCall = false) {
    this.isOneCall = isOneCall;
    this.#plane = plane;
    this.#agent = agent;
  }

  /**
   * Decides the run, the first time, and again after an end that was not a policy's.
   * @param messages What it begins with, of the SDK or of the provider protocol.
   * @param signal The caller's: its abort ends the run.
   * @returns The denial that every step of it meets.
   * @throws The reason of a signal that fired meanwhile
   */
  async begin(messages: readonly unknown[], signal?: AbortSignal): Promise<Denial | undefined> {
    if (this.#begun === undefined) {
      // Older versions of the SDK take a step more after an abort.
      if (this.#isOver) signal?.throwIfAborted();
      this.#isOver = false;
      this.#begun = this.#decide(messages, signal);
    }
    if (signal !== undefined) this.watch(signal);
    return this.#begun;
  }

  /** Ends the run when its caller aborts: whatever of it sees the caller's signal tells. */
  watch(signal: AbortSignal): void {
    if (this.#isOver) return;
    this.#unwatch();
    const onAbort = (): void => void this.fail(signal.reason).catch(() => undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  }

  /** The messages as rules left them at the beginning of the run. */
  written<Messages extends readonly unknown[]>(messages: Messages): Messages {
    return withUserTexts(messages, this.#changed);
  }

  /**
   * Judges what the run gave; where it has ended already, nothing.
   * @returns What is left of it, or the denial that withholds it.
   */
  async end<Result>(result: Result, codec?: ResultCodec<Result>): Promise<RunEnd<Result>> {
    const admission = this.#over();
    if (admission === undefined) return { result };
    const outcome = await this.#plane.guard.complete(admission, {
      status: "ran",
      result,
      ...(codec !== undefined && { codec }),
    });
    if (outcome.status === "ran") return { result: outcome.result };
    this.#begun = outcome;
    return { denial: outcome };
  }

  /** The run ends without an answer. What is thrown to its caller is the error that ended it, not what rules say of it. */
  async fail(error: unknown): Promise<void> {
    const admission = this.#over();
    if (admission === undefined) return;
    if (error instanceof PolicyError) this.#begun = denialOf(error);
    try {
      await this.#plane.guard.complete(admission, { status: "failed", error });
    } catch {
      // A failed call is settled, recorded, and then thrown again.
    }
  }

  async #decide(messages: readonly unknown[], signal?: AbortSignal): Promise<Denied | undefined> {
    const texts = userTexts(messages);
    const target = { name: agentName(this.#agent), input: texts };
    const context = { ...this.#agent, callId: generateId(), target };
    const admitted = await whenAnswered(this.#plane, signal, () => this.#plane.guard.admit(context));
    if (admitted.status !== "admitted") {
      this.#isOver = true;
      return admitted;
    }
    this.#admission = admitted;
    if (admitted.isInputChanged) this.#note(texts, admitted.input);
    // Given up while it was being decided: nobody will tell of that again.
    if (signal?.aborted === true) {
      await this.fail(signal.reason);
      signal.throwIfAborted();
    }
    return undefined;
  }

  #note(texts: readonly string[], input: unknown): void {
    // Rules change texts in place: what was a list of them still is one.
    const changed = input as readonly string[];
    for (const [at, text] of texts.entries()) this.#changed.set(text, changed[at] ?? "");
  }

  #over(): Admission | undefined {
    const admission = this.#admission;
    this.#admission = undefined;
    if (admission !== undefined) {
      this.#isOver = true;
      this.#begun = undefined;
    }
    this.#unwatch();
    return admission;
  }
}

function denialOf(error: PolicyError): Denial {
  return { message: error.message, decision: error.decision, error };
}

function agentName({ agent }: GuardInit): string {
  return typeof agent === "string" ? agent : agent.id;
}
