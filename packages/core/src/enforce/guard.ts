import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { createContext, type ContextInit } from "../context/create-context.ts";
import type { Decision } from "../decision/decision.ts";
import type { Ruling } from "../decision/decision-point.ts";
import { LiveAdmission, type Admission } from "./admission.ts";
import { completeCall, hookDenial, ownAdmission, type CallResult } from "./complete.ts";
import { execute, suspendCall, type GuardedCall } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import { guardStream, type StreamCall } from "./guard-stream.ts";
import { denied, type Denied, type Outcome } from "./outcome.ts";
import { visibleTools, type NamedTool } from "./visible-tools.ts";

/**
 * The one enforcement kit: few verbs, used by every adapter. Hiding is a courtesy to the model; enforcement is always
 * an admission at the moment of execution.
 */
export interface Guard {
  /** Builds a context; inside a governed call the lineage of a nested agent is filled in. */
  context(init: ContextInit): PolicyContext;
  /** Visibility and previews: no state, no record. */
  peek(context: PolicyContext): MaybePromise<Decision>;
  /** The full decision before a framework executes: denies early or opens one approval request; reserves nothing. */
  ask(context: PolicyContext): MaybePromise<Decision>;
  /** The binding decision at the moment of execution. */
  admit(context: PolicyContext): MaybePromise<Admission | Denied>;
  /** Admits the calls of one turn in order, each with its own decision: exactly those that fit. */
  admitBatch(contexts: readonly PolicyContext[]): MaybePromise<readonly (Admission | Denied)[]>;
  /** Finds a running admission again, in a framework that starts and ends a call in different callbacks. */
  admission(callId: string): Admission | undefined;
  /** Control flow left the run: holds stay, the call may be resumed. */
  suspend(admission: Admission): MaybePromise<void>;
  /** The call never started: everything is given back. */
  release(admission: Admission): MaybePromise<void>;
  /** Judges, redacts and settles what a call gave; exactly once. */
  complete<R>(admission: Admission, end: CallResult<R>): MaybePromise<Outcome<R>>;
  /** admit + run + complete. An error of the call itself is thrown as it was, its text redacted where a policy asks. */
  toolCall<R>(call: GuardedCall<R>): MaybePromise<Outcome<R>>;
  modelCall<R>(call: GuardedCall<R>): MaybePromise<Outcome<R>>;
  /** The same for a stream of chunks: nothing redactable leaves early, a kill cuts, partial usage is settled. */
  modelStream<Chunk>(call: StreamCall<Chunk>): MaybePromise<AsyncIterable<Chunk> | Denied>;
  /** The tools a model may see now. */
  visibleTools<T extends NamedTool>(tools: readonly T[], context: PolicyContext): MaybePromise<readonly T[]>;
  close(): void;
}

/** Builds the verbs over a decision point. */
export function createGuard(core: GuardCore): Guard {
  const admit = (context: PolicyContext): MaybePromise<Admission | Denied> => admitCall(core, context);
  const call = <R>(guarded: GuardedCall<R>): MaybePromise<Outcome<R>> =>
    andThen(admitCall(core, guarded.context), (admitted) =>
      admitted.status === "admitted" ? execute(core, admitted, guarded) : admitted,
    );
  return {
    context: (init) => createContext(withLineage(init, core), core.nowMs()),
    peek: (context) => andThen(core.point.rule(context, { intent: "peek" }), ({ decision }) => decision),
    ask: (context) => askCall(core, context),
    admit,
    admitBatch: (contexts) => admitInOrder(core, contexts),
    admission: (callId) => core.live.byCallId(callId),
    suspend: (admission) => suspendCall(core, ownAdmission(admission)),
    release: (admission) => releaseCall(core, ownAdmission(admission)),
    complete: (admission, end) => completeCall(core, admission, end),
    toolCall: call,
    modelCall: call,
    modelStream: (guarded) =>
      andThen(admitCall(core, guarded.context), (admitted) =>
        admitted.status === "admitted" ? guardStream(core, admitted, guarded) : admitted,
      ),
    visibleTools: (tools, context) => visibleTools(core.point, tools, context),
    close: () => core.live.close(),
  };
}

function admitCall(core: GuardCore, asked: PolicyContext): MaybePromise<LiveAdmission | Denied> {
  return throughHooks(core, asked, (context) =>
    andThen(core.point.rule(context, { intent: "admit" }), (ruling) => admissionOf(core, asked, ruling)),
  );
}

function admissionOf(core: GuardCore, asked: PolicyContext, ruling: Ruling): LiveAdmission | Denied {
  if (ruling.decision.effect !== "allow") return denied(ruling.decision);
  const isJoined = core.live.has(ruling.decision.id);
  const admission = new LiveAdmission(ruling, { asked, isJoined, ports: core.ports });
  if (!isJoined) core.live.add(admission);
  return admission;
}

function askCall(core: GuardCore, asked: PolicyContext): MaybePromise<Decision> {
  const decided = throughHooks(core, asked, (context) =>
    andThen(core.point.rule(context, { intent: "ask" }), ({ decision }) => ({ decision })),
  );
  return andThen(decided, ({ decision }) => decision);
}

/** Customers' hooks run first, so that nothing runs between the engine's decision and the call. */
function throughHooks<T extends { readonly decision: Decision }>(
  core: GuardCore,
  asked: PolicyContext,
  decide: (context: PolicyContext) => MaybePromise<T>,
): MaybePromise<T | Denied> {
  const refuse = (error: unknown): MaybePromise<Denied> =>
    andThen(core.point.refuse(asked, hookDenial(error)), denied);
  let hooked: MaybePromise<PolicyContext>;
  try {
    hooked = core.hooks.run(asked);
  } catch (error) {
    return refuse(error);
  }
  if (!isThenable(hooked)) return decide(hooked);
  return hooked
    .then(
      (context) => ({ context }),
      (error: unknown) => ({ error }),
    )
    .then((ran) => ("context" in ran ? decide(ran.context) : refuse(ran.error)));
}

function admitInOrder(
  core: GuardCore,
  contexts: readonly PolicyContext[],
  done: (LiveAdmission | Denied)[] = [],
): MaybePromise<readonly (Admission | Denied)[]> {
  const next = contexts[done.length];
  if (next === undefined) return done;
  return andThen(admitCall(core, next), (admission) => admitInOrder(core, contexts, [...done, admission]));
}

function releaseCall(core: GuardCore, admission: LiveAdmission): MaybePromise<void> {
  if (admission.isJoined || !core.live.remove(admission)) return;
  return andThen(core.point.finish(admission.decision.id, { status: "released" }), () => undefined);
}

/** A nested agent names its parents: limits per run and plugs on an ancestor reach it. */
function withLineage(init: ContextInit, core: GuardCore): ContextInit {
  const parent = core.scope.current();
  if (parent === undefined) return init;
  const agent = typeof init.agent === "string" ? { id: init.agent } : init.agent;
  if (agent.ancestors !== undefined) return init;
  const isSame = agent.id === parent.agentId;
  const runId = agent.runId ?? parent.runId;
  return {
    ...init,
    agent: {
      id: agent.id,
      ancestors: isSame ? parent.ancestors : [...parent.ancestors, parent.agentId],
      ...(runId !== undefined && { runId }),
    },
  };
}
