import {
  requireFunction,
  requireList,
  requireMembers,
  requireObject,
  requireText,
} from "../base/argument.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import type { PolicyContext } from "../context/context.ts";
import type { TextStreamRedactor } from "../context/redact-stream.ts";
import type { Decision } from "../decision/decision.ts";
import type { StreamDuties } from "../decision/decision-point.ts";
import { createActingContexts, type GuardedContext, type GuardInit } from "./acting-context.ts";
import type { LiveAdmission, Admission } from "./admission.ts";
import { admitCall, admitInOrder, isAround, type AdmittingCore } from "./admit.ts";
import { askCall, isAsked, noteAsked, peekCall, type AskOptions, type IsAskedOptions } from "./asked.ts";
import { completeByHand } from "./complete-by-hand.ts";
import { ownAdmission, type CallResult } from "./complete.ts";
import { execute, releaseCall, suspendCall, type GuardedCall } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import { guardStream, streamDuties, type StreamCall } from "./guard-stream.ts";
import { judgeAgain, type ChangedResult, type Rejudged } from "./judge-again.ts";
import type { Denied, Outcome } from "./outcome.ts";
import { previewCall, type Preview } from "./preview.ts";
import { renewByHand } from "./renew.ts";
import { openText } from "./stream-progress.ts";
import { runTool, type GuardedTool, type ToolRun } from "./tool-run.ts";
import { visibleTools, type NamedTool } from "./visible-tools.ts";
import { whenAnswered } from "./when-answered.ts";

/**
 * The one enforcement kit: few verbs, used by every adapter. Hiding is a courtesy to the model; enforcement is always
 * an admission at the moment of execution.
 *
 * Verbs take a context that `context` built, or its description. Give the description where you can: then what cannot
 * be read is a recorded denial instead of an exception.
 */
export interface Guard {
  /**
   * Builds a context. Who acts is resolved in the order: the call itself, `identity.current` of the plane, `framework`;
   * where they contradict each other, every verb blocks the context with the cause `identity_conflict`. Inside a
   * governed call the lineage of a nested agent is filled in, and the run is that of its parent.
   * @throws AgentplaneError `content_refused` for content that cannot be snapshotted, `context_invalid` naming a field.
   */
  context(init: GuardInit): PolicyContext;
  /** Visibility and previews: no state, no record. */
  peek(context: GuardedContext): MaybePromise<Decision>;
  /**
   * The full decision before a framework executes: denies early or opens one approval request; reserves nothing. Hooks
   * run here and again at `admit`: one that acts on the world must expect both.
   * @param options `canAsk: false` where no human could be asked before it runs: what needs one is blocked.
   */
  ask(context: GuardedContext, options?: AskOptions): MaybePromise<Decision>;
  /**
   * Somebody outside, such as the application, asks a human about this call: known for a day, like a policy's own question.
   * Without a call id nothing is. Hooks run here and at `isAsked` too.
   */
  noteAsked(context: GuardedContext): MaybePromise<void>;
  /**
   * Whether a human was asked about this very call, by a policy or outside, and nothing has come of it yet: an answer that a
   * client brings along counts once, and only where somebody has asked. Ask this before `ask`, which is a question itself.
   * @param options `isAnswer: false` where nobody has answered, so that an unknown question is nothing to warn of.
   */
  isAsked(context: GuardedContext, options?: IsAskedOptions): MaybePromise<boolean>;
  /** The binding decision at the moment of execution. */
  admit(context: GuardedContext): MaybePromise<Admission | Denied>;
  /** Admits the calls of one turn in order, each with its own decision: exactly those that fit. */
  admitBatch(contexts: readonly GuardedContext[]): MaybePromise<readonly (Admission | Denied)[]>;
  /**
   * Makes an attempt at a call until it needs no human: where it is `pending` the answer is awaited, then it is decided
   * again. For code that can wait; each attempt must be the same call, of one id.
   * @param signal Ends the wait with its reason, which is not consent.
   */
  whenAnswered<R extends object>(attempt: () => MaybePromise<R>, signal?: AbortSignalLike): Promise<R>;
  /**
   * Whether this code runs inside a governed call, such as an agent inside a tool: whoever called sees no pause of it.
   * @param admission Whether that call is this one, and goes on.
   */
  isNested(admission?: Admission): boolean;
  /**
   * Says that a call which `admit` admitted still runs: what it holds lasts `holdTtl` from here. Calls that Guard runs itself,
   * and an agent's run, need no such word. One without a word is charged or given back at its time, as its limits say, and
   * recorded as `unsettled`; its end may still come. Costs nothing, however often.
   * @param running Stands for a word for as long as it is pending.
   * @throws AgentplaneError `usage_invalid` for an admission that has ended.
   */
  renew(admission: Admission, running?: PromiseLike<unknown>): void;
  /** Finds a running admission again, in a framework that starts and ends a call in different callbacks. */
  admission(callId: string): Admission | undefined;
  /** Control flow left the run: holds stay, the call may be resumed. */
  suspend(admission: Admission): MaybePromise<void>;
  /** The call never started: everything is given back. */
  release(admission: Admission): MaybePromise<void>;
  /** Judges, redacts and settles what a call gave; exactly once. */
  complete<R>(admission: Admission, end: CallResult<R>): MaybePromise<Outcome<R>>;
  /**
   * Judges what others made of a result once its call had ended, such as other middleware: a decision of its own at
   * `after_*`, of which nothing is counted or settled.
   * @param call The admission, which has ended, or the description of a call that was not admitted.
   * @throws AgentplaneError `usage_invalid` for an admission that still runs.
   */
  judgeAgain<R>(call: Admission | GuardedContext, changed: ChangedResult<R>): MaybePromise<Rejudged<R>>;
  /** admit + run + complete. An error of the call itself is thrown as it was, its text redacted where a policy asks. */
  toolCall<R>(call: GuardedCall<R>): MaybePromise<Outcome<R>>;
  modelCall<R>(call: GuardedCall<R>): MaybePromise<Outcome<R>>;
  /** `toolCall` for a framework whose tools may also show values while they work: what the tool gives decides. */
  toolRun<R>(call: GuardedTool<R>): MaybePromise<ToolRun<R>>;
  /**
   * What may be shown of what a call says beside its result, such as progress or a message on the way. It is judged where
   * the call's result is (`after_*`), as a preview: nothing is recorded, and no limit is asked. Rules that need state, and
   * hooks, are asked about results alone: where there is one, nothing is shown.
   * @param call The running admission, or the description of a call that runs elsewhere.
   * @param value Plain data.
   * @returns The value as rules leave it; undefined where it must not be shown.
   */
  preview<R>(call: Admission | GuardedContext, value: R): MaybePromise<Preview<R>>;
  /**
   * The same for a stream of chunks: nothing redactable leaves early, a kill cuts, partial usage is settled. It is read
   * once; one that nobody begins to read is given back when its hold would expire (`holdTtl`), and then refuses to be read.
   */
  modelStream<Chunk>(call: StreamCall<Chunk>): MaybePromise<AsyncIterable<Chunk> | Denied>;
  /** What is owed to an admitted model call's answer before any of it leaves: for a framework that streams on its own. */
  streamDuties(admission: Admission): StreamDuties;
  /**
   * Redacts one text of that answer as it comes, however it is cut: what it gives may be shown; what it keeps, once the
   * end of the call was judged.
   */
  streamText(admission: Admission): TextStreamRedactor;
  /** The tools a model may see now. */
  visibleTools<T extends NamedTool>(tools: readonly T[], context: GuardedContext): MaybePromise<readonly T[]>;
  close(): void;
}

/** Builds the verbs over a decision point. */
export function createGuard(given: GuardCore): Guard {
  const core: AdmittingCore = { ...given, contexts: createActingContexts(given) };
  const admit = (context: GuardedContext): MaybePromise<Admission | Denied> => admitCall(core, context);
  const call = <R>(guarded: GuardedCall<R>): MaybePromise<Outcome<R>> => governCall(core, guarded);
  return {
    context: (init) => core.contexts.build(init),
    peek: (context) => peekCall(core, context),
    ask: (context, options) => askCall(core, context, options),
    noteAsked: (context) => noteAsked(core, context),
    isAsked: (context, options) => isAsked(core, context, options),
    admit,
    whenAnswered: async (attempt, signal) => whenAnswered(core, attempt, signal),
    isNested: (admission) =>
      admission === undefined ? core.scope.current() !== undefined : isAround(core, ownAdmission(admission)),
    admitBatch(contexts) {
      requireList("guard.admitBatch: contexts", contexts);
      return admitInOrder(core, contexts);
    },
    admission(callId) {
      requireText("guard.admission: callId", callId);
      return core.live.byCallId(callId);
    },
    renew: (admission, running) => renewByHand(core, ownAdmission(admission), running),
    suspend: (admission) => suspendCall(core, ownAdmission(admission)),
    release: (admission) => releaseCall(core, ownAdmission(admission)),
    complete: (admission, end) => completeByHand(core, admission, end),
    judgeAgain(ended, changed) {
      requireObject("guard.judgeAgain: changed", changed, "{ result, codec }");
      requireMembers("guard.judgeAgain: changed", changed, ["result", "codec"]);
      return judgeAgain(core, ended, changed);
    },
    toolCall: call,
    modelCall: call,
    toolRun(guarded) {
      requireCall(guarded, TOOL_MEMBERS);
      return andThen(admitCall(core, guarded.context), (admitted) =>
        admitted.status === "admitted" ? runTool(core, admitted, guarded) : admitted,
      );
    },
    modelStream(guarded) {
      requireCall(guarded, STREAM_MEMBERS);
      requireObject("guard.modelStream: codec", guarded.codec, "{ … }");
      return andThen(admitCall(core, guarded.context, guarded.countedBy), (admitted) =>
        admitted.status === "admitted" ? guardStream(core, admitted, guarded) : admitted,
      );
    },
    preview: (running, value) => previewCall(core, running, value),
    streamDuties: (admission) => streamDuties(core, ownAdmission(admission)),
    streamText: (admission) => openText(core, streamDuties(core, ownAdmission(admission))),
    visibleTools(tools, asked) {
      requireList("guard.visibleTools: tools", tools);
      const { context, denial } = core.contexts.prepare(asked);
      // Where the call itself is refused nothing may run, so nothing is offered.
      return denial === undefined ? visibleTools(core.point, tools, context) : [];
    },
    close: () => core.live.close(),
  };
}

// Between admission and execution nothing is wrapped in a closure unless something has to be waited for: every call goes
// this way.

function governCall<R>(core: AdmittingCore, guarded: GuardedCall<R>): MaybePromise<Outcome<R>> {
  requireCall(guarded, CALL_MEMBERS);
  const admitted = admitCall(core, guarded.context, guarded.countedBy);
  if (isThenable(admitted)) return governLater(core, guarded, admitted);
  return admitted.status === "admitted" ? execute(core, admitted, guarded) : admitted;
}

const CALL_MEMBERS = ["context", "run", "result", "usage", "isError", "isControlFlow", "countedBy"];
const TOOL_MEMBERS = ["context", "run"];
const STREAM_MEMBERS = ["context", "run", "codec", "isControlFlow", "countedBy"];

/** Before anything is reserved for a call that could not run, or would end otherwise than its caller means. */
function requireCall(guarded: { readonly run: unknown }, names: readonly string[]): void {
  requireObject("a governed call", guarded, "{ context: { … }, run: () => … }");
  requireMembers("a governed call", guarded, names);
  requireFunction("a governed call: run", guarded.run);
}

function governLater<R>(
  core: AdmittingCore,
  guarded: GuardedCall<R>,
  admitting: Promise<LiveAdmission | Denied>,
): Promise<Outcome<R>> {
  return admitting.then((admitted) =>
    admitted.status === "admitted" ? execute(core, admitted, guarded) : admitted,
  );
}
