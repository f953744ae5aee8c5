import { requireObject, requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import { afterOf } from "../context/hookpoint.ts";
import type { Engine } from "../engine/engine.ts";
import { compileSelector, matchesTool } from "../policy/compile-selector.ts";
import type { Policy } from "../policy/policy.ts";
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
  /** The policy that must be loaded, enforcing and selecting the call whenever the function is called. */
  readonly policyId: string;
}

/**
 * Governs a function that does not run unless a named policy is in force for the call: a deployment without it fails
 * closed. A policy in shadow, or one whose selector leaves the call out, protects nothing and does not count. The refusal is a decision like any other: recorded, and given
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
  const isMissingFor = createForceCheck(plane, policyId);
  const tool = options.tool ?? fn.name;
  return governed(plane.guard, fn, {
    ...wrapping,
    refuse(describe) {
      const missing = isMissingFor(describe);
      if (missing === undefined) return undefined;
      const reason = `${tool} requires the policy "${policyId}", ${missing}`;
      return andThen(plane.engine.refuse(describe(), { cause: "no_policy", reason }), denied);
    },
  });
}

type Check = (context: PolicyContext) => boolean;

/**
 * Looks through the policies only when something changed: a call must not cost more the more policies there are.
 * @returns What keeps the policy from protecting a call, in words; undefined where nothing does.
 */
function createForceCheck(
  { engine }: RequiringPlane,
  policyId: string,
): (describe: () => PolicyContext) => string | undefined {
  let seenRevision: number | undefined;
  let concerns: Check | "all" | undefined;
  return (describe) => {
    if (engine.revision !== seenRevision) {
      seenRevision = engine.revision;
      const found = engine
        .policies()
        .find(({ policy }) => policy.id === policyId && policy.mode !== "shadow");
      concerns = found && concernCheck(found.policy.selector);
    }
    if (concerns === undefined) return "which is not in force; load it first";
    if (concerns === "all" || concerns(describe())) return undefined;
    return "whose selector does not concern this call; widen it";
  };
}

/** Whom a selector concerns, but for tags: hooks, which run later, may add those. */
function concernCheck(selector: Policy["selector"]): Check | "all" {
  if (selector === undefined) return "all";
  const { agents, tenants, users, tools, hookpoints } = compileSelector(selector);
  return ({ agent, tenant, user, tool, hookpoint }) =>
    agents?.matches(agent.id) !== false &&
    tenants?.matches(tenant) !== false &&
    users?.matches(user) !== false &&
    (hookpoints === undefined || hookpoints.matches(hookpoint) || hookpoints.matches(afterOf(hookpoint))) &&
    (tools === undefined || (tool !== undefined && matchesTool(tools, tool, "deny")));
}
