import { AgentplaneError, type Admission } from "@agentplane/core";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { AIMessageChunk } from "@langchain/core/messages";

import { modelRefusal } from "../call/enforce.ts";
import { isHeldBack } from "../shown/held-back.ts";
import { checkGoverned, type GovernedIdentity, type RunFacts } from "../call/identity.ts";
import { MODEL_RESULT } from "../content/model-result.ts";
import { METERS } from "../observed/observed-handler.ts";
import type { ShownEnd } from "../observed/observed-handler.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { streamedTokens, type StreamedTokens } from "../shown/streamed-tokens.ts";
import { isMarkedGuarded } from "../call/guarded-mark.ts";
import {
  endedAnswer,
  endedUsage,
  isStreamed,
  putAnswer,
  startedContext,
  type StartedModel,
} from "./metered-model.ts";
import type { GateSettings } from "../call/settings.ts";
import { signsOfLife } from "./signs-of-life.ts";

/**
 * Charges the model calls of a run that nobody else governs: those that other code makes with models of its own, such as
 * a summary. Each is reserved before and settled with what the provider reports; one that is not allowed does not
 * happen, and throws. Calls of a guarded model, and of an agent under `govern`, are left to it.
 *
 * A callback can stop a call and rewrite a whole answer. It cannot rewrite a prompt, hold back a stream or ask a human: a
 * call that needs one of these is refused. Nor can it keep the handlers beside it from hearing an answer as it came.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is. LangChain tells a callback the thread, which is the session, and the run's `metadata`,
 * but neither its `context` nor its `configurable`: here `fromRun` names members of the `metadata`.
 * @throws ConfigError for a member of the identity that does not exist, and an empty name
 * @example await graph.invoke(input, { callbacks: [usageMeter(plane, { agent: "support" })] });
 */
export function usageMeter(plane: GovernedPlane, identity: GovernedIdentity): BaseCallbackHandler {
  checkGoverned("usageMeter", identity);
  return new UsageMeter({ plane, identity });
}

/** A call that was admitted and runs. */
interface MeteredRun {
  readonly admission: Admission;
  readonly tokens: StreamedTokens;
  /** Whether a rule looks at what it gives. */
  readonly isHeldBack: boolean;
  /** Says that a piece of a stream came. */
  readonly hears: () => void;
}

type Heard<Event extends keyof BaseCallbackHandler> = Parameters<
  Extract<NonNullable<BaseCallbackHandler[Event]>, (...args: never[]) => unknown>
>;

/** By plane, and by what LangChain makes for each call and tells all of its handlers: the runs that one of them has taken on. */
const TAKEN = new WeakMap<GovernedPlane, WeakMap<object, Set<string>>>();

/**
 * Whether no other handler of the plane has taken on this very call: a meter that a tool gives its model stands beside the
 * one of the agent that the tool runs in. The id of a run does not tell: an application may choose it, and use it again.
 */
function isFirstToHear(plane: GovernedPlane, runId: string, call: object | undefined): boolean {
  if (call === undefined) return true;
  const calls = TAKEN.get(plane) ?? new WeakMap<object, Set<string>>();
  TAKEN.set(plane, calls);
  const runs = calls.get(call) ?? new Set();
  calls.set(call, runs);
  return runs.size < runs.add(runId).size;
}

/** The handler itself, for who adds to what it charges. */
export class UsageMeter extends BaseCallbackHandler {
  readonly name: string = "agentplane.meter";
  readonly [METERS]: GovernedPlane;
  override awaitHandlers = true;
  override raiseError = true;
  protected readonly settings: GateSettings;
  #running: Map<string, MeteredRun> | undefined;

  constructor(settings: GateSettings) {
    super();
    this.settings = settings;
    this[METERS] = settings.plane;
  }

  override copy(): BaseCallbackHandler {
    // The end of a call must find its beginning.
    return this;
  }

  override async handleChatModelStart(
    ...[llm, messages, runId, , extra, tags, metadata]: Heard<"handleChatModelStart">
  ): Promise<void> {
    if (!isMarkedGuarded(llm))
      await this.#startModel(runId, { llm, prompt: messages.flat(), extra, metadata }, tags);
  }

  override async handleLLMStart(
    ...[llm, prompt, runId, , extra, tags, metadata]: Heard<"handleLLMStart">
  ): Promise<void> {
    await this.#startModel(runId, { llm, prompt, extra, metadata }, tags);
  }

  override handleLLMNewToken(...[token, , runId, , , fields]: Heard<"handleLLMNewToken">): void {
    this.#streams(runId, fields?.chunk === undefined ? new AIMessageChunk(token) : fields);
  }

  override handleChatModelStreamEvent(...[event, runId]: Heard<"handleChatModelStreamEvent">): void {
    this.#streams(runId, event);
  }

  override async handleLLMEnd(...[output, runId]: Heard<"handleLLMEnd">): Promise<void> {
    const run = this.take(runId);
    if (run === undefined) return;
    let shown: ShownEnd | undefined;
    try {
      const outcome = await this.settings.plane.guard.complete(run.admission, {
        status: "ran",
        result: endedAnswer(output, run.isHeldBack),
        usage: endedUsage(output),
        codec: MODEL_RESULT,
      });
      if (outcome.status !== "ran") {
        shown = { result: modelRefusal(outcome) };
        putAnswer(output, modelRefusal(outcome));
        throw outcome.error;
      }
      putAnswer(output, outcome.result);
      // One whose model tells of no token.
      if (run.isHeldBack && isStreamed(output)) throw refusedStream();
    } catch (error) {
      shown ??= { error };
      throw error;
    } finally {
      this.judged(runId, shown);
    }
  }

  override async handleLLMError(...[error, runId]: Heard<"handleLLMError">): Promise<void> {
    await this.failed(runId, error);
  }

  /** Who acts: of the run a callback is told its metadata, with the thread in it, and neither context nor configurable. */
  protected runFacts(metadata: Readonly<Record<string, unknown>> = {}): RunFacts {
    return { configurable: metadata };
  }

  /**
   * Remembers what was admitted until its run ends.
   * @param made What LangChain made for the run and keeps as long: the list of its tags.
   */
  protected started(runId: string, admission: Admission, made: object | undefined): void {
    const { plane } = this.settings;
    this.#running ??= new Map();
    this.#running.set(runId, {
      admission,
      tokens: streamedTokens(),
      isHeldBack: isHeldBack(plane, admission),
      hears: signsOfLife(plane, admission, made),
    });
  }

  /** What handlers beside this one are to hear of an end; undefined where it is as it came. */
  protected judged(_runId: string, _shown: ShownEnd | undefined): void {}

  /** A call that runs. */
  protected running(runId: string): MeteredRun | undefined {
    return this.#running?.get(runId);
  }

  /** Ends a run that threw; what it had streamed was used. */
  protected async failed(runId: string, error: unknown): Promise<void> {
    const run = this.take(runId);
    if (run === undefined) return;
    let shown: ShownEnd | undefined;
    try {
      const usage = run.tokens.usage();
      const outcome = await this.settings.plane.guard.complete(run.admission, {
        status: "failed",
        error,
        usage,
      });
      if (outcome.status !== "ran") throw outcome.error;
    } catch (seen) {
      // The caller gets the call's own error, or what a policy makes of it.
      if (seen !== error) {
        shown = { error: seen };
        throw seen;
      }
    } finally {
      this.judged(runId, shown);
    }
  }

  /** What was admitted for a run, once. */
  protected take(runId: string): MeteredRun | undefined {
    const run = this.#running?.get(runId);
    this.#running?.delete(runId);
    return run;
  }

  async #startModel(
    runId: string,
    model: Omit<StartedModel, "run">,
    made: object | undefined,
  ): Promise<void> {
    const { plane, identity } = this.settings;
    if (!isFirstToHear(plane, runId, model.extra)) return;
    const context = startedContext(identity, { ...model, run: this.runFacts(model.metadata) });
    const admitted = await plane.guard.admit(context);
    if (admitted.status !== "admitted") throw admitted.error;
    if (admitted.isInputChanged) {
      await plane.guard.release(admitted);
      throw new AgentplaneError(
        "usage_invalid",
        `the prompt of ${context.model.name} would have to be changed, which only guardModel() or its own agent under govern() can`,
      );
    }
    this.started(runId, admitted, made);
  }

  #streams(runId: string, piece: object): void {
    const run = this.#running?.get(runId);
    run?.hears();
    run?.tokens.take([piece]);
    if (run?.isHeldBack === true) throw refusedStream();
  }
}

function refusedStream(): AgentplaneError {
  return new AgentplaneError(
    "usage_invalid",
    "a policy looks at what this model gives, so it must not stream; invoke it without streaming, or put it under guardModel()",
  );
}
