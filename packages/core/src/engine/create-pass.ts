import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
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
    // A resource or prompt is declared like a tool, by its name.
    traits: inForce.traits.traitsOf(context.tool ?? context.target),
    call: intent === "peek" || isAfter(context.hookpoint) ? NO_CALL : newCall(parts.ports.ids.next("res")),
    session: undefined,
    answers: [],
    shadowAnswers: [],
    lateShadow: NOTHING,
    duties: NOTHING,
    asks: [],
    waivedModes: NOTHING,
    modes: NOTHING,
    limits: NOTHING,
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

function newCall(reservationId: string): Pass["call"] {
  return { callKey: undefined, reservationId, attempt: 1, isJoined: false };
}

/** Reserves nothing, and is no call that could come again. */
const NO_CALL: Pass["call"] = Object.freeze(newCall(""));
const NOTHING: readonly never[] = Object.freeze([]);
