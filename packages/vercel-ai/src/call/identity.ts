import { AgentplaneError, type GuardInit, type IdentityClaim } from "@agentplane/core";

/** Who acts, as the application says it. It counts first; what is left open here, other sources may say. */
export interface GovernedIdentity {
  /** The agent's id, as selectors, limits and plugs name it. */
  readonly agent: string;
  readonly tenant?: string;
  /** On whose behalf the agent acts: never an approver of its own requests. */
  readonly user?: string;
  /** The conversation: a chat's id. Within one, a tool call of one id runs once, however often it is replayed. */
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * Who answers approvals in this request's messages: the person that the server has authenticated. Default: nobody, so
   * that a yes in the messages, which the client writes, approves nothing, and only `plane.approvals` does.
   */
  readonly approver?: string;
}

/** Provider options as the AI SDK types them, as far as they are looked at. */
export type ProviderOptions = Readonly<Record<string, unknown>>;

/** The member of `providerOptions` in which a call may say for whom it is made. */
export const OWN_OPTIONS = "agentplane";

/** Who acts in one call, by authority: only what is really known. */
export type CallIdentity = Pick<GuardInit, "agent" | "tenant" | "user" | "session" | "tags" | "framework">;

/**
 * Says who acts in a call. What contradicts, and what may fill a gap, is the plane's to judge.
 * @param identity What the application said: it counts first.
 * @param providerOptions Of this call; `agentplane: { tenant, user, session }` in them counts where the plane trusts it.
 */
export function identityOf(identity: GovernedIdentity, providerOptions?: ProviderOptions): CallIdentity {
  const { agent, tenant, user, session, tags } = identity;
  const framework = claimIn(providerOptions);
  return {
    agent,
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
    ...(tags !== undefined && { tags }),
    ...(framework !== undefined && { framework }),
  };
}

/** The options without what was meant for the plane: no provider is told for whom it works. */
export function withoutOwnOptions<Options extends ProviderOptions>(
  providerOptions: Options | undefined,
): Options | undefined {
  if (providerOptions === undefined || !Object.hasOwn(providerOptions, OWN_OPTIONS)) return providerOptions;
  const rest = Object.fromEntries(Object.entries(providerOptions).filter(([name]) => name !== OWN_OPTIONS));
  // The same record without one of its members.
  return Object.keys(rest).length === 0 ? undefined : (rest as Options);
}

const CLAIMED: ReadonlySet<string> = new Set(["tenant", "user", "session"]);

/**
 * What options say of who acts, as far as it is text.
 * @throws AgentplaneError `context_invalid` for a misspelt member, with which the call would be nobody's
 */
export function claimIn(providerOptions: ProviderOptions | undefined): IdentityClaim | undefined {
  const said = providerOptions?.[OWN_OPTIONS];
  if (typeof said !== "object" || said === null) return undefined;
  for (const name in said) {
    if (CLAIMED.has(name)) continue;
    const message = `providerOptions.${OWN_OPTIONS} has no "${name.slice(0, 64)}"; use tenant, user or session`;
    throw new AgentplaneError("context_invalid", message);
  }
  const { tenant, user, session } = said as Partial<Record<keyof IdentityClaim, unknown>>;
  const claim = {
    ...(isText(tenant) && { tenant }),
    ...(isText(user) && { user }),
    ...(isText(session) && { session }),
  };
  return Object.keys(claim).length === 0 ? undefined : claim;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
