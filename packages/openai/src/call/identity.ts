import type { GuardInit } from "@agentplane/core";

/** Who acts through a client: fixed when it is governed. What is left open, `identity.current` of the plane may say. */
export interface GovernedIdentity {
  /** The agent's id, as selectors, limits and plugs name it. */
  readonly agent: string;
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The part of a description that says who acts. */
export type ActingIdentity = Pick<GuardInit, "tenant" | "user" | "session" | "tags"> & {
  readonly agent: string;
};

/** Says who acts; what is absent stays absent. */
export function identityOf({ agent, tenant, user, session, tags }: GovernedIdentity): ActingIdentity {
  return {
    agent,
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
    ...(tags !== undefined && { tags }),
  };
}
