import type { GuardInit } from "@agentplane/core";

import type { ActingIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import type { OfferedTool, ProposedCall } from "../protocol/dialect.ts";
import { parseJson } from "../protocol/json.ts";
import type { Refusal } from "../call/refusal.ts";

/**
 * Functions that are guarded where they run, by the plane that guards them. Of each agent its own: another one may run a
 * function of the same name unguarded.
 */
const guarded = new WeakMap<GovernedPlane["guard"], Set<string>>();

/** Notes that a function of an agent is decided where it runs: a call of it may be proposed. */
export function noteGuarded({ guard }: GovernedPlane, agent: string, name: string): void {
  const keys = guarded.get(guard) ?? new Set();
  guarded.set(guard, keys.add(keyOf(agent, name)));
}

function keyOf(agent: string, name: string): string {
  return JSON.stringify([agent, name]);
}

/**
 * Says which proposed calls are decided again where they run: those of guarded functions, and, where a request offers
 * nothing but guarded functions, names that it does not offer: they have nothing to run.
 * @param offered The tools of the request, those that were hidden too.
 */
export function decidedLater(
  { guard }: GovernedPlane,
  agent: string,
  offered: readonly OfferedTool[],
): (call: Pick<ProposedCall, "name" | "server">) => boolean {
  const isGuarded = ({ name, server }: OfferedTool): boolean =>
    server === undefined && guarded.get(guard)?.has(keyOf(agent, name)) === true;
  const areAllGuarded = offered.length > 0 && offered.every(isGuarded);
  return (call) => areAllGuarded || isGuarded(call);
}

/**
 * Puts calls to the plane that an answer proposes, because whoever reads it may run them out of sight.
 * @returns Why the answer must not be shown; undefined when each call would be let go on.
 */
export async function judgeProposed(
  plane: GovernedPlane,
  identity: ActingIdentity,
  calls: readonly ProposedCall[],
): Promise<Refusal | undefined> {
  for (const call of calls) {
    // oxlint-disable-next-line no-await-in-loop -- in order, and none after the first that is refused
    const { effect, cause, message, id, approvalId } = await plane.guard.ask(
      describeProposed(identity, call),
    );
    if (effect === "allow") continue;
    // It runs at the provider, once a request says yes: that is where a human is needed, and where it runs once.
    if (call.isRemote === true && (effect === "ask" || cause === "already_executed")) continue;
    const hint =
      effect === "ask" ? ` To run it after an approval, guard the function with guardFunctions.` : "";
    return {
      message: `The model's answer was withheld: it calls "${call.name}". ${message}${hint}`,
      decisionId: id,
      ...(approvalId !== undefined && { approvalId }),
    };
  }
  return undefined;
}

/** What a call is, in the plane's words. */
export function describeProposed(
  identity: ActingIdentity,
  { id, name, server, input }: ProposedCall,
): GuardInit {
  return {
    hookpoint: "before_tool_call",
    ...identity,
    ...(id !== undefined && { callId: id }),
    // What is no JSON is text to the tool too.
    tool: { name, ...(server !== undefined && { server }), input: parseJson(input) ?? input },
  };
}
