import type { Admission, Denied, GuardInit, ResultCodec } from "@agentplane/core";
import { generateId } from "ai";

import { whenAnswered } from "./nested-wait.ts";
import type { GovernedPlane } from "./plane.ts";
import { userTexts, withUserTexts } from "./user-texts.ts";

/** How a run ended. */
export type RunEnd<Result> = { readonly result: Result } | { readonly denial: Denied };

/**
 * One run of an agent: decided before its first step, judged when it has ended, once each. The SDK has no place for
 * either, so whatever comes first begins it, and whatever sees the end ends it.
 */
export class AgentRun {
  readonly #plane: GovernedPlane;
  readonly #agent: GuardInit;
  readonly #changed = new Map<string, string>();
  #begun: Promise<Denied | undefined> | undefined;
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
   * Decides the run, the first time.
   * @param messages What it begins with, of the SDK or of the provider protocol.
   * @param signal The caller's: its abort ends the run.
   * @returns The denial that every step of it meets.
   */
  begin(messages: readonly unknown[], signal?: AbortSignal): Promise<Denied | undefined> {
    this.#begun ??= this.#decide(messages, signal);
    if (signal !== undefined) this.#watch(signal);
    return this.#begun;
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
    return outcome.status === "ran" ? { result: outcome.result } : { denial: outcome };
  }

  /** The run ends without an answer. What is thrown to its caller is the error that ended it, not what rules say of it. */
  async fail(error: unknown): Promise<void> {
    const admission = this.#over();
    if (admission === undefined) return;
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
    return undefined;
  }

  #note(texts: readonly string[], input: unknown): void {
    // Rules change texts in place: what was a list of them still is one.
    const changed = input as readonly string[];
    for (const [at, text] of texts.entries()) this.#changed.set(text, changed[at] ?? "");
  }

  #watch(signal: AbortSignal): void {
    if (this.#isOver) return;
    this.#unwatch();
    const onAbort = (): void => void this.fail(signal.reason).catch(() => undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  }

  #over(): Admission | undefined {
    const admission = this.#isOver ? undefined : this.#admission;
    if (admission !== undefined) this.#isOver = true;
    this.#unwatch();
    return admission;
  }
}

function agentName({ agent }: GuardInit): string {
  return typeof agent === "string" ? agent : agent.id;
}
