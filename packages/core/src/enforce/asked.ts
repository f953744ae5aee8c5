import { requireMembers } from "../base/argument.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Decision } from "../decision/decision.ts";
import type { ActingContexts, GuardedContext } from "./acting-context.ts";
import type { GuardCore } from "./guard-core.ts";
import { throughHooks } from "./through-hooks.ts";

type Core = GuardCore & { readonly contexts: ActingContexts };

/** How an early decision is made. */
export interface AskOptions {
  /** Whether a human can be asked about the call before it runs; false blocks what needs one. Default true. */
  readonly canAsk?: boolean;
}

/** A preview. */
export function peekCall(core: Core, given: GuardedContext): MaybePromise<Decision> {
  const { context, denial } = core.contexts.prepare(given);
  if (denial !== undefined) return core.point.refuse(context, denial, { intent: "peek" });
  return andThen(core.point.rule(context, { intent: "peek" }), ({ decision }) => decision);
}

/** The full decision before a framework executes. */
export function askCall(core: Core, given: GuardedContext, options: AskOptions = {}): MaybePromise<Decision> {
  requireMembers("guard.ask: options", options, ["canAsk"]);
  const { canAsk } = options;
  const { context: asked, denial } = core.contexts.prepare(given);
  if (denial !== undefined) return core.point.refuse(asked, denial, { intent: "ask" });
  const decide = (
    { point }: GuardCore,
    _asked: PolicyContext,
    context: PolicyContext,
  ): MaybePromise<{ readonly decision: Decision }> =>
    andThen(point.rule(context, { intent: "ask", canAsk }), ({ decision }) => ({ decision }));
  return andThen(throughHooks(core, asked, { intent: "ask", decide }), ({ decision }) => decision);
}

/** Remembers that somebody outside asks a human about a call. */
export function noteAsked(core: Core, given: GuardedContext): MaybePromise<void> {
  return hooked(core, given, (context) => core.point.noteAsked(context), undefined);
}

/** How a question that was asked is looked for. */
export interface IsAskedOptions {
  /** Whether somebody has answered: an answer to a question that is not known is warned of. Default true. */
  readonly isAnswer?: boolean;
}

/** Whether a human was asked about a call, and nothing has come of it yet. */
export function isAsked(core: Core, given: GuardedContext, options?: IsAskedOptions): MaybePromise<boolean> {
  return hooked(core, given, (context) => core.point.isAsked(context, options), false);
}

/** A call is known as its hooks leave it. What is refused before any rule is no call that anybody could be asked about. */
function hooked<T>(
  core: Core,
  given: GuardedContext,
  look: (context: PolicyContext) => MaybePromise<T>,
  refused: T,
): MaybePromise<T> {
  const { context: asked, denial } = core.contexts.prepare(given);
  if (denial !== undefined) return refused;
  const decide = (_core: GuardCore, _asked: PolicyContext, context: PolicyContext): MaybePromise<Looked<T>> =>
    andThen(look(context), (seen) => ({ seen }));
  const found = throughHooks<Looked<T>>(core, asked, { intent: "peek", decide });
  return andThen(found, (looked) => ("seen" in looked ? looked.seen : refused));
}

interface Looked<T> {
  readonly seen: T;
}
