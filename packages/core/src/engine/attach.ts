import { requireFunction, requireObject } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Ruling } from "../decision/decision-point.ts";
import { policyErrorOf } from "../decision/policy-error.ts";
import type { Hook } from "../hooks/hook.ts";
import type { HookRegistry } from "../hooks/hook-registry.ts";

/** What attaching needs of the engine. */
export interface AttachDeps {
  rule(context: PolicyContext): MaybePromise<Ruling>;
  /** Ends an admission of which no outcome will be reported. */
  settle(ruling: Ruling): MaybePromise<void>;
  /** The plane's own registry, which Guard already runs before the engine. */
  isOwn(registry: HookRegistry): boolean;
}

/**
 * Puts the engine last at every hookpoint of a registry of yours: whoever runs the registry gets the engine's decision
 * too. A denial throws, a rewritten input or redacted result is handed back. What a call reserves counts as used at its
 * estimate, because a registry reports no usage; Guard settles exactly.
 * @returns The detachment.
 * @throws AgentplaneError `usage_invalid` for the plane's own registry
 */
export function attachEngine(registry: HookRegistry, deps: AttachDeps): () => void {
  requireObject("engine.attach: registry", registry, "new HookRegistry()");
  requireFunction("engine.attach: registry.attachLast", registry.attachLast);
  if (deps.isOwn(registry)) {
    throw new AgentplaneError(
      "usage_invalid",
      "plane.hooks already runs before the engine's decision; attach a registry of your own",
    );
  }
  const decide: Hook = (context) =>
    andThen(deps.rule(context), (ruling) => {
      if (ruling.decision.effect !== "allow") throw policyErrorOf(ruling.decision);
      if (isAfter(context.hookpoint)) return changedResult(context, ruling.context);
      return andThen(deps.settle(ruling), () => changedInput(context, ruling.context));
    });
  return registry.attachLast("agentplane", decide);
}

function changedInput(asked: PolicyContext, ruled: PolicyContext): ReturnType<Hook> {
  const input = inputOf(ruled);
  return input === undefined || input === inputOf(asked) ? undefined : { input };
}

function changedResult(asked: PolicyContext, ruled: PolicyContext): ReturnType<Hook> {
  return ruled.result === undefined || ruled.result === asked.result ? undefined : { result: ruled.result };
}
