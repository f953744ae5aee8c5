import { checkIdentity, type GuardInit, type IdentityClaim } from "@agentplane/core";

/** Who acts: fixed by the application, with the rest named as members of the run's context. */
export interface GovernedIdentity {
  /** The agent's id, as selectors, limits and plugs name it. */
  readonly agent: string;
  readonly tenant?: string;
  readonly user?: string;
  /** Default: the run's `thread_id`. */
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * Members of the run's `context` (or else of its `configurable`) that hold a dimension, such as
   * `{ tenant: "tenantId" }`. A member that is absent or no text says nothing. What is read here may contradict
   * nothing, and says what is not fixed only where the plane trusts it: `identity: { trust: ["framework"] }`.
   */
  readonly fromRun?: { readonly tenant?: string; readonly user?: string; readonly session?: string };
}

/** What LangChain tells about a run. */
export interface RunFacts {
  readonly context?: unknown;
  readonly configurable?: Readonly<Record<string, unknown>> | undefined;
}

/** Who acts in one run, by authority: only what is really known, never an empty text. */
export type RunIdentity = Pick<
  GuardInit,
  "agent" | "tenant" | "user" | "session" | "tags" | "framework" | "defaults"
>;

/**
 * Refuses an identity that would say less than was meant.
 * @param source The function it was given to.
 * @throws ConfigError naming every issue
 */
export function checkGoverned(source: string, identity: GovernedIdentity): void {
  checkIdentity(source, identity, { places: ["fromRun"] });
}

/**
 * Says who acts in a run. What contradicts, and what may fill a gap, is the plane's to judge.
 * @param identity What the application said: it counts first.
 * @param run The run's `context` and `configurable`.
 */
export function identityOf(identity: GovernedIdentity, run: RunFacts): RunIdentity {
  const { agent, tenant, user, session, tags, fromRun } = identity;
  const threadId = textOf(run.configurable?.["thread_id"]);
  const runId = textOf(run.configurable?.["run_id"]);
  return {
    agent,
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
    ...(tags !== undefined && { tags }),
    ...(fromRun !== undefined && { framework: claimOf(fromRun, run) }),
    defaults: {
      ...(threadId !== undefined && { session: threadId }),
      ...(runId !== undefined && { runId }),
    },
  };
}

/** What a run says of who acts in it, by the members that are named. */
export function claimOf(fromRun: NonNullable<GovernedIdentity["fromRun"]>, run: RunFacts): IdentityClaim {
  const read = (member: string | undefined): string | undefined =>
    member === undefined ? undefined : memberOf(run, member);
  const [tenant, user, session] = [read(fromRun.tenant), read(fromRun.user), read(fromRun.session)];
  return {
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
  };
}

function memberOf({ context, configurable }: RunFacts, name: string): string | undefined {
  const own = typeof context === "object" && context !== null && Object.hasOwn(context, name);
  // Just seen to be an own member; its type is what textOf checks.
  return (
    (own ? textOf((context as Record<string, unknown>)[name]) : undefined) ?? textOf(configurable?.[name])
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
