import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Intent } from "../decision/decision.ts";
import type { Denial } from "../decision/decision-point.ts";
import { HookBlocked } from "../hooks/hook-blocked.ts";
import type { GuardCore } from "./guard-core.ts";
import { denied, type Denied } from "./outcome.ts";

/** What follows the hooks of a call. */
export interface AfterHooks<T> {
  readonly intent: Intent;
  /** @param context As the hooks left it. */
  readonly decide: (core: GuardCore, asked: PolicyContext, context: PolicyContext) => MaybePromise<T>;
}

/** Customers' hooks run first, so that nothing runs between the engine's decision and the call. */
export function throughHooks<T>(
  core: GuardCore,
  asked: PolicyContext,
  after: AfterHooks<T>,
): MaybePromise<T | Denied> {
  let hooked: MaybePromise<PolicyContext>;
  try {
    hooked = core.hooks.run(asked);
  } catch (error) {
    return refuseForHook(core, asked, after.intent, error);
  }
  return isThenable(hooked) ? hookedLater(core, asked, after, hooked) : after.decide(core, asked, hooked);
}

function hookedLater<T>(
  core: GuardCore,
  asked: PolicyContext,
  { intent, decide }: AfterHooks<T>,
  hooked: Promise<PolicyContext>,
): Promise<T | Denied> {
  return hooked
    .then(
      (context) => ({ context }),
      (error: unknown) => ({ error }),
    )
    .then((ran) =>
      "context" in ran ? decide(core, asked, ran.context) : refuseForHook(core, asked, intent, ran.error),
    );
}

function refuseForHook(
  { point }: GuardCore,
  asked: PolicyContext,
  intent: Intent,
  error: unknown,
): MaybePromise<Denied> {
  return andThen(point.refuse(asked, hookDenial(error), { intent }), denied);
}

/** What a hook's block or failure means; whatever it threw, the call does not go on. */
export function hookDenial(error: unknown): Denial {
  const reason = error instanceof HookBlocked ? error.message : "a hook failed";
  return { cause: "hook", reason };
}
