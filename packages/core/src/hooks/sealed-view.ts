import type { AgentIdentity, PolicyContext } from "../context/context.ts";

/** What no hook can change: who acts, for whom, where and on which call. */
export const SEALED_FIELDS = [
  "hookpoint",
  "agent",
  "tenant",
  "user",
  "session",
  "callId",
  "questionId",
  "approvalFor",
  "traceId",
] as const;

const SEALED_AGENT_FIELDS = ["id", "runId", "ancestors"] as const;

/** The context as a hook sees it. */
export interface SealedView {
  readonly context: PolicyContext;
  /** The sealed field that was written to, even if the hook caught the error; undefined when none was. */
  attempt(): string | undefined;
}

/**
 * Shows a context to a hook so that writing to a sealed field is noticed, not only refused. A frozen object refuses
 * such a write with an ordinary TypeError, which `fallback: continue` would take for any failure of the hook.
 */
export function createSealedView(context: PolicyContext): SealedView {
  let attempted: string | undefined;
  const refuse = (field: string): never => {
    attempted ??= field;
    throw new TypeError(`a hook cannot change "${field}": it is sealed`);
  };
  const agent = sealed<AgentIdentity>(context.agent, SEALED_AGENT_FIELDS, (field) =>
    refuse(`agent.${field}`),
  );
  return {
    context: sealed<PolicyContext>({ ...context, agent }, SEALED_FIELDS, refuse),
    attempt: () => attempted,
  };
}

/** A frozen copy whose sealed fields, absent ones too, call back when they are assigned. */
function sealed<T extends object>(
  source: T,
  fields: readonly (keyof T & string)[],
  refuse: (field: string) => never,
): T {
  const view: T = { ...source };
  for (const field of fields) {
    const value = source[field];
    Object.defineProperty(view, field, {
      enumerable: field in source,
      get: () => value,
      set: () => {
        refuse(field);
      },
    });
  }
  return Object.freeze(view);
}
