import type { GuardInit, IdentityClaim } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import type { GovernedIdentity } from "../call/identity.ts";

/** Who acts: an agent goes by its own name; the rest is fixed, or named as members of the run's context. */
export interface AgentsIdentity extends Omit<GovernedIdentity, "agent"> {
  /**
   * Members of the run's `context` that hold a dimension, such as `{ tenant: "tenantId" }`. One that is absent or no text
   * says nothing. What is read here may contradict nothing, and says what is not fixed only where the plane trusts it:
   * `identity: { trust: ["framework"] }`.
   */
  readonly fromContext?: { readonly tenant?: string; readonly user?: string; readonly session?: string };
  /** Who approves natively (`state.approve`), as records name them. Default `openai-agents client`. */
  readonly approver?: string;
}

/** The part of a description that says who acts. */
export type ActingAgent = Pick<GuardInit, "agent" | "tenant" | "user" | "session" | "tags" | "framework">;

/** An agent as the plane knows it, in any run. */
export interface KnownAgent {
  readonly name: string;
  readonly identity: AgentsIdentity;
}

/** Says who acts in one run. What contradicts, and what may fill a gap, is the plane's to judge. */
export function actingAgent({ name, identity }: KnownAgent, context: RunContext | undefined): ActingAgent {
  const { tenant, user, session, tags, fromContext } = identity;
  // One literal: several times as fast as spreading what is there, and made for every call.
  const framework = fromContext && claimOf(fromContext, context?.context);
  return { agent: name, tenant, user, session, tags, framework };
}

function claimOf(from: NonNullable<AgentsIdentity["fromContext"]>, context: unknown): IdentityClaim {
  const read = (member: string | undefined): string | undefined => {
    if (member === undefined || typeof context !== "object" || context === null) return undefined;
    const value: unknown = Object.hasOwn(context, member) ? Reflect.get(context, member) : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [tenant, user, session] = [read(from.tenant), read(from.user), read(from.session)];
  return {
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
  };
}
