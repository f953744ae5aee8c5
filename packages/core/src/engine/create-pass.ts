import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Intent } from "../decision/decision.ts";
import { NO_MODES } from "../state/judge-modes.ts";
import { NO_LIMITS } from "./bound-limit.ts";
import type { EngineParts } from "./engine-parts.ts";
import { NO_DUTIES } from "./owned-obligation.ts";
import type { Pass, Rare } from "./pass.ts";
import type { InForce } from "./assemble-policies.ts";

/** Starts a pass over what is in force now. */
export function createPass(
  context: PolicyContext,
  intent: Intent,
  inForce: InForce,
  parts: EngineParts,
): Pass {
  return {
    intent,
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
    answers: NOTHING,
    duties: NO_DUTIES,
    limits: NO_LIMITS,
    refusal: undefined,
    isUnknown: false,
    heldIds: NOTHING,
    hasAwaited: false,
    rare: NOTHING_RARE,
    hasEnded: false,
  };
}

function newCall(reservationId: string): Pass["call"] {
  return { callKey: undefined, reservationId, attempt: 1, isJoined: false };
}

/** Reserves nothing, and is no call that could come again. */
const NO_CALL: Pass["call"] = Object.freeze(newCall(""));
const NOTHING: readonly never[] = Object.freeze([]);
const NOTHING_RARE: Rare = Object.freeze({
  isExplaining: false,
  isUnasked: false,
  isCounted: false,
  isOverrun: false,
  shadowAnswers: NOTHING,
  lateShadow: NOTHING,
  asks: NOTHING,
  waivedModes: NOTHING,
  modes: NO_MODES.modes,
  throttle: undefined,
  approvalId: undefined,
  used: undefined,
  joined: undefined,
  once: undefined,
  inner: undefined,
});
