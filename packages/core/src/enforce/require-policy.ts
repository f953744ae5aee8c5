import { requireObject, requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen } from "../base/maybe-promise.ts";
import type { Engine } from "../engine/engine.ts";
import type { Guard } from "./guard.ts";
import { denied } from "./outcome.ts";
import { governed, type AnyFunction, type GuardOptions } from "./wrap.ts";

/** What a required policy needs of a plane. */
export interface RequiringPlane {
  readonly guard: Guard;
  readonly engine: Pick<Engine, "policies" | "refuse" | "revision">;
}

/** A policy without which a function does not run. */
export interface RequireOptions<F extends AnyFunction> extends GuardOptions<F> {
  /** The policy that must be loaded and enforcing whenever the function is called. */
  readonly policyId: string;
}

/**
 * Governs a function that does not run unless a named policy is in force: a deployment without it fails closed. A
 * policy in shadow enforces nothing and does not count. The refusal is a decision like any other: recorded, and given
 * to `onBlock`.
 * @param plane The plane; its loaded policies are looked at on every call.
 * @throws PolicyBlocked from the governed function, with the cause `no_policy`; and what `policyGuard` throws.
 * @example const refund = requirePolicy(plane, refundOrder, { agent: "support", policyId: "refund-limit" });
 */
export function requirePolicy<F extends AnyFunction>(
  plane: RequiringPlane,
  fn: F,
  options: RequireOptions<F>,
): F {
  requireObject("requirePolicy: plane", plane, "createAgentPlane()");
  if (!("engine" in plane))
    throw new AgentplaneError(
      "usage_invalid",
      "requirePolicy looks at a plane's policies: pass the plane itself",
    );
  requireObject("requirePolicy: options", options, '{ agent: "support", policyId: "refund-limit" }');
  const { policyId, ...wrapping } = options;
  requireText("requirePolicy: policyId", policyId);
  const isInForce = createForceCheck(plane, policyId);
  const tool = options.tool ?? fn.name;
  return governed(plane.guard, fn, {
    ...wrapping,
    refuse(describe) {
      if (isInForce()) return undefined;
      const refused = plane.engine.refuse(describe(), {
        cause: "no_policy",
        reason: `${tool} requires the policy "${policyId}", which is not in force; load it first`,
      });
      return andThen(refused, denied);
    },
  });
}

/** Looks through the policies only when something changed: a call must not cost more the more policies there are. */
function createForceCheck({ engine }: RequiringPlane, policyId: string): () => boolean {
  let seenRevision: number | undefined;
  let isInForce = false;
  return () => {
    if (engine.revision !== seenRevision) {
      seenRevision = engine.revision;
      isInForce = engine.policies().some(({ policy }) => policy.id === policyId && policy.mode !== "shadow");
    }
    return isInForce;
  };
}
