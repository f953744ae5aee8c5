import { AgentplaneError } from "@agentplane/core";

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
   * `{ tenant: "tenantId" }`. A member that is absent or no text leaves the dimension absent.
   */
  readonly fromRun?: { readonly tenant?: string; readonly user?: string; readonly session?: string };
}

/** What LangChain tells about a run. */
export interface RunFacts {
  readonly context?: unknown;
  readonly configurable?: Readonly<Record<string, unknown>> | undefined;
}

/** The identity of one run: only what is really known, never an empty text. */
export interface RunIdentity {
  readonly agent: { readonly id: string; readonly runId?: string };
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Resolves who acts in a run.
 * @param identity What the application said.
 * @param run The run's `context` and `configurable`.
 * @throws AgentplaneError `context_invalid` when the run contradicts what the application fixed.
 */
export function identityOf(identity: GovernedIdentity, run: RunFacts): RunIdentity {
  const session = resolve("session", identity, run) ?? textOf(run.configurable?.["thread_id"]);
  const runId = textOf(run.configurable?.["run_id"]);
  const tenant = resolve("tenant", identity, run);
  const user = resolve("user", identity, run);
  return {
    agent: { id: identity.agent, ...(runId !== undefined && { runId }) },
    ...(tenant !== undefined && { tenant }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
    ...(identity.tags !== undefined && { tags: identity.tags }),
  };
}

function resolve(
  field: "tenant" | "user" | "session",
  identity: GovernedIdentity,
  run: RunFacts,
): string | undefined {
  const fixed = identity[field];
  const member = identity.fromRun?.[field];
  const given = member === undefined ? undefined : memberOf(run, member);
  if (fixed !== undefined && given !== undefined && given !== fixed) {
    throw new AgentplaneError(
      "context_invalid",
      `the run names another ${field} in "${member}" than govern() was given; pass one of them only`,
      { data: { field } },
    );
  }
  return fixed ?? given;
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
