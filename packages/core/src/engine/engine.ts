import { requireChoice, requireMembers, requireObject, requireText } from "../base/argument.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { callKeyOf } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import { ContextMark, requireContext } from "../context/context-mark.ts";
import { createContext, inputOf, type ContextInit } from "../context/create-context.ts";
import { isTellable } from "../context/opaque.ts";
import { DECISION_CAUSES, type Decision, type Intent } from "../decision/decision.ts";
import type { CallEnd, DecisionPoint, StreamDuties } from "../decision/decision-point.ts";
import { policyErrorOf } from "../decision/policy-error.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { HookRegistry } from "../hooks/hook-registry.ts";
import { attachEngine } from "./attach.ts";
import { buildDecision } from "./build-decision.ts";
import { couldAskNow } from "./could-ask.ts";
import { createPass } from "./create-pass.ts";
import { checkedEnd } from "./checked-end.ts";
import { createDecider } from "./decide.ts";
import type { EngineParts } from "./engine-parts.ts";
import { finishCall } from "./finish.ts";
import { createInFlightTable } from "./in-flight.ts";
import type { PolicyChanges } from "./policy-changes.ts";
import type { PolicySet } from "./policy-set.ts";
import { couldConcern, type Concern } from "./server-concern.ts";
import { settleAtEstimate } from "./settle.ts";
import { lapseCall, renewCall } from "./sign-of-life.ts";
import { unplugged } from "./step-gate.ts";
import { streamDutiesOf } from "./stream-duties.ts";

/** Decides, and says what is in force: the local decision point. */
export interface Engine extends DecisionPoint, PolicyChanges {
  /**
   * Decides a context; never throws for a denial.
   * @param context What is happening: a `PolicyContext`, or its plain description.
   * @param options The intent; default `admit`, the binding one. An admitted call is ended with `finish`.
   * @throws AgentplaneError `context_invalid` or `content_refused` for a context that cannot be judged.
   */
  decide(
    context: PolicyContext | ContextInit,
    options?: { readonly intent?: Intent },
  ): MaybePromise<Decision>;
  /**
   * Decides for callers who prefer exceptions: returns on allow.
   * @throws ApprovalPending on ask, PolicyDegraded when a mode blocked, else PolicyBlocked.
   */
  evaluate(context: PolicyContext | ContextInit): Promise<Decision>;
  /**
   * Puts the engine last at every hookpoint of your own registry, before and after: one line, and it really blocks.
   * @returns The detachment.
   */
  attach(registry: HookRegistry): () => void;
  /**
   * Asks every rule that matches, also after a block, and tells which limits have no room: reads sessions and counters,
   * changes and records nothing. Ladders are not climbed: an escalation is shown as the question it is without one.
   */
  explain(context: PolicyContext | ContextInit): MaybePromise<Decision>;
  /**
   * Whether a policy, a plug or a hook could have a say in a call of some tool of a server, where nobody knows the names of its
   * tools. Errs on the side of yes; modes and the default effect are not looked at: `guard.peek` tells those.
   * @param context Who would call.
   * @param server As tools name it; undefined where not even that is known.
   * @param concern `deciding`: not by rules that only look on, redact or record. Default `any`.
   */
  couldConcern(
    context: PolicyContext | ContextInit,
    server: string | undefined,
    concern?: "any" | "deciding",
  ): boolean;
  /**
   * Whether a human could be asked before such a call: by a mode, or by a rule or limit of a policy in force. A no holds
   * for the policies and modes of now; a yes may be wrong, for neither the input nor the history is looked at.
   * @param context Who would call what; its content does not matter. Without it: about any call at all.
   */
  couldAsk(context?: PolicyContext | ContextInit): boolean;
  /** The policies in force, of every source. */
  policies(): readonly LoadedPolicy[];
}

/** What the engine is given beside its parts. */
export interface EngineDeps {
  readonly changes: PolicyChanges;
  /** The plane's own, which Guard already runs. */
  readonly hooks: HookRegistry;
}

/**
 * Wires the engine.
 * @param parts Stores, machines, sinks and settings.
 * @param set The policies in force.
 * @param deps How policies come in, and which hooks Guard already runs.
 */
export function createEngine(parts: EngineParts, set: PolicySet, deps: EngineDeps): Engine {
  const { changes, hooks } = deps;
  const inFlight = createInFlightTable(() => parts.ports.clock.elapsedMs(), parts.settings.holdTtlMs);
  const isHooked = (context: PolicyContext): boolean => hooks.couldRunAt(context.hookpoint, context);
  const decider = createDecider({ ...parts, isHooked }, () => set.current, inFlight);
  const ending = { ...parts, decider, inFlight };
  // One that is built already is taken as it is: what was found out about it stays with it.
  const contextOf = (given: PolicyContext | ContextInit): PolicyContext => {
    requireContext(given);
    return ContextMark.isOn(given) ? given : createContext(given, parts.nowMs());
  };
  /** By what a question is known: by nothing where another input could be put in its place. */
  const keyOf = (given: PolicyContext): string | undefined => {
    const context = contextOf(given);
    if (!isTellable(inputOf(context) ?? null)) return undefined;
    return callKeyOf(parts.settings.planeId, context, parts.ports.hash);
  };
  return {
    ...changes,
    get revision() {
      return parts.revision();
    },
    controls: {
      cutOf: (context) => cutOf(context, parts, set),
      subscribe: (changed) => parts.plugboard.subscribe(changed),
    },
    rule: (context, options) =>
      decider.decide(contextOf(context), intentOf("engine.rule", options, HOW), options),
    decide: (given, options) =>
      andThen(decider.decide(contextOf(given), intentOf("engine.decide", options)), (ruling) => {
        const around = ruling.inner && parts.scope.current();
        if (around !== undefined) around.byHand = ruling;
        return ruling.decision;
      }),
    async evaluate(given) {
      const ruling = await decider.decide(contextOf(given), "admit");
      const { decision } = ruling;
      if (decision.effect !== "allow") throw policyErrorOf(decision);
      // Nobody will report an end: what was reserved counts as used, at the estimate.
      await settleAtEstimate(ruling, ending);
      return decision;
    },
    attach: (registry) =>
      attachEngine(registry, {
        rule: (context) => decider.decide(context, "admit"),
        settle: (ruling) => settleAtEstimate(ruling, ending),
        isOwn: (given) => given === hooks,
      }),
    explain: (given) => decider.explain(contextOf(given)),
    finish(decisionId, end) {
      const checked = checkedEnd(decisionId, end);
      return endByHand(decisionId, checked, parts) ? undefined : finishCall(decisionId, checked, ending);
    },
    refuse(context, denial, options) {
      requireContext(context);
      // Without a denial there would be nothing to refuse, and the call would be allowed.
      requireObject("engine.refuse: denial", denial, '{ cause: "rule", reason: "why" }');
      requireMembers("engine.refuse: denial", denial, ["cause", "reason", "message"]);
      requireChoice("engine.refuse: cause", denial.cause, DECISION_CAUSES);
      const refused = decider.refuse(contextOf(context), denial, intentOf("engine.refuse", options));
      return andThen(refused, ({ decision }) => decision);
    },
    noteAsked(context) {
      const key = keyOf(context);
      if (key !== undefined) return parts.admissions.noteAsked(key, parts.nowMs());
    },
    isAsked(context, options = {}) {
      requireMembers("engine.isAsked: options", options, ["isAnswer"]);
      const key = keyOf(context);
      return andThen(key !== undefined && parts.admissions.isAsked(key, parts.nowMs()), (isKnown) => {
        if (!isKnown && options.isAnswer !== false) parts.unknownAnswer();
        return isKnown;
      });
    },
    looksAfter: (context) => set.current.index.planAfter(context).attention,
    renew(decisionId) {
      requireText("engine.renew: decisionId", decisionId);
      return renewCall(decisionId, ending);
    },
    lapse(decisionId) {
      requireText("engine.lapse: decisionId", decisionId);
      return lapseCall(decisionId, ending);
    },
    streamDuties(context) {
      const plan = set.current.index.planAfter(context);
      const duties = streamDutiesOf(plan, context, parts.settings.onWhole);
      if (duties.exposedTo.length > 0) recordExposed(context, duties, parts);
      return duties;
    },
    couldConcern(given, server, concern: Concern = "any") {
      if (server !== undefined) requireText("engine.couldConcern: server", server);
      const { policies } = set.current.index;
      return couldConcern(contextOf(given), server, {
        policies,
        plugs: parts.plugboard.entries(),
        hooks,
        concern,
      });
    },
    couldAsk: (given) =>
      couldAskNow(parts, set.current.index, given === undefined ? undefined : contextOf(given)),
    policies: () => set.loaded(),
  };
}

/**
 * Ends what was decided by hand inside the admission of the same call.
 * @returns Whether that is all: a decision that joined has the id of the one around it, which is not over.
 */
function endByHand(decisionId: string, { status }: CallEnd, { scope }: EngineParts): boolean {
  const { decision, inner } = scope.current()?.byHand ?? {};
  if (inner === undefined || decision?.id !== decisionId) return false;
  inner.end(status);
  return inner.isJoined;
}

const INTENTS = ["peek", "ask", "admit"] as const satisfies readonly Intent[];
const ONLY = ["intent"];
const HOW = [...ONLY, "canAsk", "isCounted"];

/** A misspelt intent must not become the binding one, nor the other way round. */
function intentOf(verb: string, options: { readonly intent?: Intent } = {}, names = ONLY): Intent {
  requireObject(`${verb}: options`, options, '{ intent: "peek" }');
  requireMembers(`${verb}: options`, options, names);
  const { intent = "admit" } = options;
  requireChoice(`${verb}: intent`, intent, INTENTS);
  return intent;
}

/** What left before it was judged cannot be withheld any more: the trail says so. */
function recordExposed(
  { agent, tenant, callId, model }: PolicyContext,
  { exposedTo }: StreamDuties,
  parts: EngineParts,
): void {
  parts.recordControl({
    action: "stream_prefix_exposed",
    by: "plane",
    subject: agent.id,
    reason: "stream: { onWhole: exposePrefix }",
    data: { rules: exposedTo, tenant: tenant ?? null, callId: callId ?? null, model: model?.name ?? null },
  });
}

function cutOf(context: PolicyContext, parts: EngineParts, set: PolicySet): Decision | undefined {
  const plug = parts.plugboard.cutOf(context);
  if (plug === undefined) return undefined;
  const pass = createPass(context, "peek", set.current, parts);
  pass.refusal = unplugged(plug);
  return buildDecision(pass, parts.ports.ids.next("dec"), parts);
}
