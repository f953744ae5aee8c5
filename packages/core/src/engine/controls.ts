import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { DegradeSpec, Mode } from "../policy/mode.ts";
import type { ModeEntry, ModeScope } from "../state/degradation.ts";
import type { PlugEntry, PlugSubject } from "../state/plugboard.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { OperatorAct } from "./limits.ts";

/** Who pulls a plug, why, and with whose authority; each authority lifts only its own. */
export interface PlugAct extends OperatorAct {
  readonly reason: string;
  /** Default `operator`. */
  readonly authority?: PlugEntry["authority"];
}

/** What operators do while agents run: stop, restore, degrade, recover. In force at the next hookpoint. */
export interface Controls {
  /** Stops an agent, a tenant, a tool or everything: no rule is asked, running calls are cut. */
  unplug(subject: PlugSubject, act: PlugAct): MaybePromise<void>;
  /** Lifts the plug of one authority. */
  plug(subject: PlugSubject, act: { readonly by: string; readonly authority?: PlugEntry["authority"] }): MaybePromise<void>;
  /** Sets a mode for a scope. */
  degrade(scope: ModeScope, degrade: DegradeSpec | Mode, act: OperatorAct): MaybePromise<void>;
  /** Removes the modes of a scope, whatever set them. */
  recover(scope: ModeScope, act: OperatorAct): MaybePromise<void>;
  /** Resets an agent's ladders of a policy. */
  resetLadder(of: { readonly policyId: string; readonly trigger: string; readonly agent: string; readonly tenant?: string }, act: OperatorAct): MaybePromise<void>;
  status(): { readonly plugs: readonly PlugEntry[]; readonly modes: readonly ModeEntry[]; readonly revision: number };
}

/** Gives operators the machines; the machines record what they do. */
export function createControls(parts: EngineParts): Controls {
  const { plugboard, degradation, ladders } = parts;
  return {
    unplug: (subject, act) => plugboard.unplug(subject, act),
    plug: (subject, act) => plugboard.plug(subject, act),
    degrade: (scope, degrade, { by, reason }) =>
      degradation.set({
        scope,
        degrade: typeof degrade === "string" ? { mode: degrade } : degrade,
        cause: reason ?? `set by ${by}`,
        by,
      }),
    recover: (scope, act) => degradation.recover(scope, act),
    resetLadder: (of, act) =>
      andThen(ladders.reset(of), () =>
        parts.recordControl({
          action: "ladder_reset",
          by: act.by,
          subject: of.agent,
          ...(act.reason !== undefined && { reason: act.reason }),
          data: { policyId: of.policyId, trigger: of.trigger, tenant: of.tenant ?? null },
        }),
      ),
    status: () => ({ plugs: plugboard.entries(), modes: degradation.entries(), revision: parts.revision() }),
  };
}
