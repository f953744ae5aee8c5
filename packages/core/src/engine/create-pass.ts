import type { PolicyContext } from "../context/context.ts";
import type { Intent } from "../decision/decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";
import type { InForce } from "./policy-set.ts";

/** Starts a pass over what is in force now. */
export function createPass(
  context: PolicyContext,
  { intent, isExplaining, inForce }: { intent: Intent; isExplaining: boolean; inForce: InForce },
  parts: EngineParts,
): Pass {
  return {
    intent,
    isExplaining,
    startedMs: parts.ports.clock.elapsedMs(),
    index: inForce.index,
    revision: parts.revision(),
    asked: context,
    context,
    plan: undefined,
    traits: inForce.traits.traitsOf(context.tool),
    call: { callKey: undefined, reservationId: intent === "peek" ? "" : parts.ports.ids.next("res"), attempt: 1, isJoined: false },
    session: undefined,
    answers: [],
    shadowAnswers: [],
    duties: [],
    asks: [],
    modes: NO_MODES,
    limits: [],
    throttle: undefined,
    refusal: undefined,
    approvalId: undefined,
    isUnknown: false,
    isOverrun: false,
    heldIds: [],
    hasAwaited: false,
    joined: undefined,
  };
}

const NO_MODES: Pass["modes"] = Object.freeze([]);
