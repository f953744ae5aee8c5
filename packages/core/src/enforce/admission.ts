import type { AbortControllerLike, AbortSignalLike } from "../base/platform.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import { inputOf } from "../context/create-context.ts";
import { thaw } from "../context/snapshot.ts";
import type { Decision } from "../decision/decision.ts";
import type { InnerCall, Ruling } from "../decision/decision-point.ts";
import { policyErrorOf } from "../decision/policy-error.ts";
import type { CarriedAdmission } from "../engine/engine-parts.ts";

/** A decision in force for one call, from its admission to its end. */
export interface Admission {
  readonly status: "admitted";
  readonly decision: Decision;
  /** As it will be executed: rewritten and redacted. */
  readonly context: PolicyContext;
  /** A fresh, mutable copy of the input to execute. */
  readonly input: unknown;
  /** Whether a policy or hook changed the input: adapters map it back to their own shape only then. */
  readonly isInputChanged: boolean;
  /** Fires when an operator cuts the call. */
  readonly signal: AbortSignalLike;
  /** A second interception of a call that is already admitted around this one: its end is the outer one's. */
  readonly isJoined: boolean;
}

/** Guard's own handle on an admission. */
export class LiveAdmission implements Admission {
  readonly #ruling: Ruling;
  isInputChanged = false;
  #carried: CarriedAdmission | undefined;
  readonly #ports: Ports;
  #controller: AbortControllerLike | undefined;
  #cut: Decision | undefined;
  #onCut: (() => void) | undefined;
  readonly #outer: LiveAdmission | undefined;
  /**
   * How many stand for signs of life: Guard, where it sees itself that the call runs, and pending promises of who admitted
   * it by hand, for of such a call only its caller knows.
   */
  alive = 0;
  /** A sign of life that its caller gave since holds were renewed. */
  isSigned = false;
  /** The turn at which its holds were renewed, or taken. */
  renewedAt = 0;

  /** @param outer The admission that it joins. */
  constructor(ruling: Ruling, outer: LiveAdmission | undefined, ports: Ports) {
    this.#ruling = ruling;
    this.#outer = outer;
    this.#ports = ports;
    // A run holds nothing but its count, and lasts as long as its agent.
    if (ruling.context.hookpoint === "before_agent") this.alive++;
  }

  // Every call makes one of these: what follows from another field has none of its own.

  get status(): "admitted" {
    return "admitted";
  }

  get decision(): Decision {
    return this.#ruling.decision;
  }

  get context(): PolicyContext {
    return this.#ruling.context;
  }

  get inner(): InnerCall | undefined {
    return this.#ruling.inner;
  }

  get isJoined(): boolean {
    return this.#outer !== undefined;
  }

  get input(): unknown {
    const input = inputOf(this.context);
    return input === undefined ? undefined : thaw(input);
  }

  /** What code inside the call carries: the lineage of a nested agent, the identity of a repeated interception. */
  get carried(): CarriedAdmission {
    const { context, callKeys, decision, inner } = this.#ruling;
    return (this.#carried ??= {
      agent: context.agent,
      tenant: context.tenant,
      callKeys,
      decisionId: decision.id,
      layers: inner?.layers ?? 0,
      inner: undefined,
      byHand: undefined,
    });
  }

  /** Created on demand: most calls are never cut, and a controller costs more than the decision. */
  get signal(): AbortSignalLike {
    // What runs inside an admission is cut with it.
    if (this.#outer !== undefined) return this.#outer.signal;
    if (this.#controller === undefined) {
      this.#controller = this.#ports.createAbort();
      if (this.#cut !== undefined) this.#controller.abort(policyErrorOf(this.#cut));
    }
    return this.#controller.signal;
  }

  /** The decision that cut this call, once there is one. */
  get cutBy(): Decision | undefined {
    return this.#outer === undefined ? this.#cut : this.#outer.cutBy;
  }

  /** Cuts the call: its signal fires with the error that says why. */
  cut(decision: Decision): void {
    if (this.#cut !== undefined) return;
    this.#cut = decision;
    this.#controller?.abort(policyErrorOf(decision));
    this.#onCut?.();
  }

  /** Calls back when the call is cut, without the cost of a signal. */
  onCut(listener: () => void): void {
    this.#onCut = listener;
    if (this.#cut !== undefined) listener();
  }
}

/**
 * Refuses to admit what has already happened: at `after_*` no limit, list or mode is asked.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireBefore(hookpoint: string): void {
  if (!isAfter(hookpoint)) return;
  const message = `nothing is admitted at ${hookpoint}: admit the action before it, and complete() judges its result`;
  throw new AgentplaneError("usage_invalid", message);
}
