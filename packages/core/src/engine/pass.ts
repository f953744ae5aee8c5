import type { PolicyContext } from "../context/context.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import type { Intent } from "../decision/decision.ts";
import type { InnerCall } from "../decision/decision-point.ts";
import type { ApprovalTerms } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { ApprovalUse } from "../state/approval.ts";
import type { Mode } from "../policy/mode.ts";
import type { SessionView } from "../rules/session-view.ts";
import type { StoreAdmissionAnswer } from "../store/state-store.ts";
import type { CompiledEntry, PassAnswer } from "./compiled-policy.ts";
import type { BoundLimits } from "./bound-limit.ts";
import type { CallState } from "./call-state.ts";
import type { InFlight } from "./in-flight.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import type { Plan } from "./plan.ts";
import type { PolicyIndex } from "./policy-index.ts";
import type { Refusal } from "./refusal.ts";

/** A shadow rule whose answer comes after the decision. */
export interface LateShadow {
  readonly entry: CompiledEntry;
  readonly given: Promise<RuleAnswer | undefined>;
}

/** Something that a human must allow: a rule's ask or a mode's. */
export interface Ask {
  readonly policyId: string;
  readonly policyVersion: string;
  readonly ruleId: string;
  readonly terms: ApprovalTerms;
}

/** An admission that is to be written in one step, decided on what this process knows without asking. */
export interface AtOnce {
  /** How often it was tried before, and called off by what others did meanwhile. */
  readonly earlier: number;
  /** Whether the call seemed free to be admitted so. */
  isFree: boolean;
  /** Its limits are bound, and its estimates clamped. */
  isBound: boolean;
  /** The store failed, or took too long: the call is refused. */
  isGivenUp: boolean;
  /** The store's answer when it has been asked. */
  answer: StoreAdmissionAnswer | undefined;
  /** Names the history it is written to, where it may stand in line for that; else empty. */
  line: string;
  /** Ends its turn in that line; the first time counts. @param isFailed The store does not answer. */
  readonly leave: ((isFailed: boolean) => void) | undefined;
}

/** What few passes have: all others share one in which nothing is set. */
export interface Rare {
  /** Ask every candidate, also after a block. */
  readonly isExplaining: boolean;
  /** No human can be asked: what needs one is blocked. */
  readonly isUnasked: boolean;
  /** Limits have counted the call around this one, which is the same: no more is taken. */
  readonly isCounted: boolean;
  readonly isOverrun: boolean;
  readonly shadowAnswers: readonly PassAnswer[];
  /** Shadow rules that are still thinking. */
  readonly lateShadow: readonly LateShadow[];
  readonly asks: readonly Ask[];
  /** Ids of the mode entries whose asking a human has answered for this call. */
  readonly waivedModes: readonly string[];
  readonly modes: readonly Mode[];
  readonly throttle: { readonly perMinute: number; readonly delayMaxMs?: number | undefined } | undefined;
  readonly approvalId: string | undefined;
  /** The approval that it uses up, which is given back if it is refused after all. */
  readonly used: ApprovalUse | undefined;
  /** The remembered admission that this second interception of one call joins. */
  readonly joined: InFlight | undefined;
  /** Set while it is to be admitted in one step. */
  readonly once: AtOnce | undefined;
  /** Its place inside the admission of this very call, if it runs there. */
  readonly inner: InnerCall | undefined;
}

/** Sets what few passes have. */
export function setRare(pass: Pass, given: Partial<Rare>): void {
  pass.rare = { ...pass.rare, ...given };
}

/** One question on its way through the pipeline: each step reads the earlier fields and fills its own. */
export interface Pass {
  readonly intent: Intent;
  readonly startedMs: number;
  readonly index: PolicyIndex;
  readonly revision: number;
  /** As it came in. */
  readonly asked: PolicyContext;
  /** As it came in, then as it will be executed. */
  context: PolicyContext;
  plan: Plan | undefined;
  traits: ToolTraits | undefined;
  call: CallState;
  session: SessionView | undefined;
  /** This list and those below are replaced, never changed: most stay the same empty one. */
  answers: readonly PassAnswer[];
  /** It may be the plan's own list. */
  duties: readonly OwnedObligation[];
  limits: BoundLimits;
  refusal: Refusal | undefined;
  isUnknown: boolean;
  /** What this pass reserved and must give back unless the call goes on. */
  heldIds: readonly string[];
  /** Something was awaited since the plugs and modes were read. */
  hasAwaited: boolean;
  rare: Rare;
  /** The pipeline is through: what fails from now on fails in its conclusion. */
  hasEnded: boolean;
}
