import type { GuardInit } from "@agentplane/core";

import { claimIn, OWN_OPTIONS, type ProviderOptions } from "./identity.ts";
import { denialOf, type Denial } from "./denial.ts";
import type { GovernedPlane } from "./plane.ts";

/** What the options of a run say of who acts: its tools are judged by that, and so must its models be. */
export interface RunOptions {
  readonly providerOptions: ProviderOptions | undefined;
}

/** The options that say who acts in a call: those of its run, where it is a step of one. */
export function saidOf(
  run: RunOptions | undefined,
  own: ProviderOptions | undefined,
): ProviderOptions | undefined {
  return run === undefined ? own : run.providerOptions;
}

/**
 * The options of a run that is prepared again: what was said before of who acts stays, and what that leaves open may be
 * filled.
 * @returns Options for `identityOf` alone.
 */
export function joinedOptions(
  said: ProviderOptions | undefined,
  now: ProviderOptions | undefined,
): ProviderOptions | undefined {
  if (said === undefined || now === undefined) return said ?? now;
  return { [OWN_OPTIONS]: { ...claimIn(now), ...claimIn(said) } };
}

/**
 * Refuses a step whose own options name somebody whom its run does not: whoever prepares a step, or calls an agent, would
 * act for another tenant, or leave the tools to the policies of none.
 * @param agent Who acts in the run.
 * @param given The options of the step.
 * @returns undefined where they say nothing new.
 */
export async function identityDenial(
  plane: GovernedPlane,
  {
    agent,
    run,
    given,
  }: {
    readonly agent: GuardInit;
    readonly run: RunOptions;
    readonly given: ProviderOptions | undefined;
  },
): Promise<Denial | undefined> {
  const claim = claimIn(given);
  if (claim === undefined || given === run.providerOptions) return undefined;
  const context = plane.guard.context(agent);
  const { tenant, user, session } = context;
  const known = { tenant, user, session, ...claimIn(run.providerOptions) };
  const other = CLAIMED.filter((name) => claim[name] !== undefined && claim[name] !== known[name]);
  if (other.length === 0) return undefined;
  const reason =
    `the providerOptions of a step name another ${other.join(" and ")} than its run, whose tools are judged by that; ` +
    `pass providerOptions.agentplane to govern`;
  const refusal = { cause: "identity_conflict", reason, message: UNCLEAR } as const;
  return denialOf(await plane.engine.refuse(context, refusal, { intent: "admit" }));
}

const CLAIMED = ["tenant", "user", "session"] as const;
/** As the plane words it where sources contradict each other. */
const UNCLEAR =
  "This call was refused because it is unclear for whom it is made. Do not retry; end the task.";
