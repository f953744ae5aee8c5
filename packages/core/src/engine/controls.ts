import { requireMembers, requireObject, requireText } from "../base/argument.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { MODE_SCOPES, type DegradeSpec, type Mode } from "../policy/mode.ts";
import type { ModeEntry, ModeScope } from "../state/degradation.ts";
import { requireExactId, requireKnownMembers, requireSubject } from "../state/exact-subject.ts";
import type { PlugEntry, PlugSubject } from "../state/plugboard.ts";
import { readDegrade } from "./degrade-argument.ts";
import type { EngineParts } from "./engine-parts.ts";
import { requireAct, type OperatorAct } from "./operator-act.ts";
import type { PolicySet } from "./policy-set.ts";
import { unknownName } from "./unknown-name.ts";

/** Who pulls a plug, why, and with whose authority; each authority lifts only its own. */
export interface PlugAct extends OperatorAct {
  readonly reason: string;
  /** Default `operator`. */
  readonly authority?: PlugEntry["authority"];
}

const PLUG_ACT: readonly string[] = ["by", "reason", "role", "authority"];

/** What operators do while agents run: stop, restore, degrade, recover. In force at the next hookpoint. */
export interface Controls {
  /**
   * Stops an agent, a tenant, a tool or everything: no rule is asked, running calls are cut.
   * @throws AgentplaneError `usage_invalid` for a subject that cannot be, or without a name and a reason
   */
  unplug(subject: PlugSubject, act: PlugAct): MaybePromise<void>;
  /** Lifts the plug of one authority. */
  plug(
    subject: PlugSubject,
    act: { readonly by: string; readonly authority?: PlugEntry["authority"] },
  ): MaybePromise<void>;
  /**
   * Sets a mode for a scope.
   * @throws AgentplaneError `usage_invalid` for a pattern, or a member that a scope does not have; ConfigError for an
   *   unknown mode, field or duration
   */
  degrade(scope: ModeScope, degrade: DegradeSpec | Mode, act: OperatorAct): MaybePromise<void>;
  /**
   * Removes the modes of a scope, whatever set them.
   * @returns How many modes it ended.
   */
  recover(scope: ModeScope, act: OperatorAct): MaybePromise<number>;
  /**
   * Resets an agent's ladder of a policy.
   * @throws AgentplaneError `usage_invalid` for a policy or trigger that is not there
   */
  resetLadder(
    of: {
      readonly policyId: string;
      readonly trigger: string;
      readonly agent: string;
      readonly tenant?: string;
    },
    act: OperatorAct,
  ): MaybePromise<void>;
  status(): {
    readonly plugs: readonly PlugEntry[];
    readonly modes: readonly ModeEntry[];
    readonly revision: number;
  };
  /**
   * Called after every change of plugs and modes, whichever process makes it; not when the time of a mode runs out, which
   * its `untilMs` says. Returns the unsubscription.
   */
  subscribe(changed: () => void): () => void;
}

/** Gives operators the machines; the machines record what they do. */
export function createControls(parts: EngineParts, set: PolicySet): Controls {
  const { plugboard, degradation, ladders } = parts;
  return {
    unplug(subject, act) {
      requireAct("controls.unplug", act, PLUG_ACT);
      // The record of a stop without a reason would explain nothing.
      requireText("controls.unplug: reason", act.reason);
      return plugboard.unplug(subject, act);
    },
    plug(subject, act) {
      requireAct("controls.plug", act, PLUG_ACT);
      return plugboard.plug(subject, act);
    },
    degrade(scope, degrade, act) {
      requireSubject("controls.degrade: scope", scope, MODE_SCOPES);
      requireAct("controls.degrade", act);
      const { by, reason } = act;
      requireKnownMembers(scope, { mayBeNull: true });
      requireExactId(scope);
      return degradation.set({
        scope,
        degrade: readDegrade(degrade),
        cause: reason ?? `set by ${by}`,
        by,
      });
    },
    recover(scope, act) {
      requireSubject("controls.recover: scope", scope, MODE_SCOPES);
      requireAct("controls.recover", act);
      requireKnownMembers(scope, { mayBeNull: true });
      return degradation.recover(scope, act);
    },
    resetLadder(of, act) {
      requireObject("controls.resetLadder: ladder", of, '{ policyId, trigger: "rate", agent }');
      requireMembers("controls.resetLadder: ladder", of, ["policyId", "trigger", "agent", "tenant"]);
      requireText("controls.resetLadder: policyId", of.policyId);
      requireText("controls.resetLadder: trigger", of.trigger);
      requireText("controls.resetLadder: agent", of.agent);
      requireAct("controls.resetLadder", act);
      requireTrigger(of, set);
      return andThen(ladders.reset(of), () =>
        parts.recordControl({
          action: "ladder_reset",
          by: act.by,
          subject: of.agent,
          ...(act.reason !== undefined && { reason: act.reason }),
          data: { policyId: of.policyId, trigger: of.trigger, tenant: of.tenant ?? null },
        }),
      );
    },
    subscribe(changed) {
      const ends = [plugboard.subscribe(changed), degradation.subscribe(changed)];
      return () => {
        for (const end of ends) end();
      };
    },
    status: () => ({ plugs: plugboard.entries(), modes: degradation.entries(), revision: parts.revision() }),
  };
}

/** A ladder that is not there has nothing to reset: mostly a misspelt name. */
function requireTrigger(
  { policyId, trigger }: { readonly policyId: string; readonly trigger: string },
  set: PolicySet,
): void {
  const policies = set.loaded().map(({ policy }) => policy);
  const policy = policies.find(({ id }) => id === policyId);
  if (policy === undefined)
    throw unknownName(
      "policy",
      policyId,
      policies.map(({ id }) => id),
    );
  const triggers = [...new Set((policy.escalation ?? []).map((step) => step.trigger))];
  if (!triggers.includes(trigger)) throw unknownName(`trigger in policy "${policyId}":`, trigger, triggers);
}
