import { requireObject, requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { createContext } from "../context/create-context.ts";
import type { LimitSpec } from "../policy/limit.ts";
import type { LimitState } from "../store/state-store.ts";
import { limitSpecOf } from "./bind-limits.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import { requireAct, type OperatorAct } from "./operator-act.ts";
import type { PolicySet } from "./policy-set.ts";
import { unknownName } from "./unknown-name.ts";

/** Which counter is meant: a limit rule and whose share of it. */
export interface LimitRef {
  readonly policyId: string;
  readonly ruleId: string;
  readonly agent?: string;
  readonly tenant?: string;
  readonly user?: string;
  readonly session?: string;
  readonly runId?: string;
  readonly tool?: string;
}

/**
 * What operators do to limits; each act is recorded.
 * @throws AgentplaneError `usage_invalid` for a limit that does not exist, or one that counts per agent without naming
 *   the agent; `context_invalid` for a member that does not exist
 */
export interface Limits {
  /** What is used and left, one state per dimension of the rule. */
  read(ref: LimitRef): MaybePromise<readonly LimitState[]>;
  /** Adds to a limit for its current window. `amount` is in the limit's measure (calls, tokens, micro-dollars, milliseconds). */
  grant(ref: LimitRef, amount: number, act: OperatorAct): MaybePromise<void>;
  /** Forgets what was used; what running calls hold stays held. */
  reset(ref: LimitRef, act: OperatorAct): MaybePromise<void>;
}

export type { OperatorAct } from "./operator-act.ts";

/** Gives operators access to the ledger by policy, rule and subject. */
export function createLimits(parts: EngineParts, set: PolicySet): Limits {
  const specs = (verb: string, ref: LimitRef): readonly LimitSpec[] => {
    requireObject(`${verb}: limit`, ref, '{ policyId: "spend", ruleId: "tokens", agent: "bot" }');
    requireText(`${verb}: policyId`, ref.policyId);
    requireText(`${verb}: ruleId`, ref.ruleId);
    return specsOf(ref, parts, set);
  };
  const record = (action: string, ref: LimitRef, act: OperatorAct, amount?: number): void =>
    parts.recordControl({
      action,
      by: act.by,
      subject: `${ref.policyId}/${ref.ruleId}`,
      ...(act.reason !== undefined && { reason: act.reason }),
      data: { ...ref, ...(amount !== undefined && { amount }) },
    });
  return {
    read: (ref) => each(specs("limits.read", ref), (spec) => parts.ledger.read(spec)),
    grant(ref, amount, act) {
      requireAct("limits.grant", act);
      if (!Number.isSafeInteger(amount) || amount <= 0) {
        throw new AgentplaneError(
          "usage_invalid",
          `a grant is a positive whole number, not ${String(amount)}`,
        );
      }
      return andThen(
        each(specs("limits.grant", ref), (spec) => parts.ledger.grant(spec, amount)),
        () => record("limit_grant", ref, act, amount),
      );
    },
    reset(ref, act) {
      requireAct("limits.reset", act);
      return andThen(
        each(specs("limits.reset", ref), ({ key }) => parts.ledger.reset(key)),
        () => record("limit_reset", ref, act),
      );
    },
  };
}

function each<T, R>(
  items: readonly T[],
  work: (item: T) => MaybePromise<R>,
  done: R[] = [],
): MaybePromise<readonly R[]> {
  const item = items[done.length];
  if (item === undefined) return done;
  return andThen(work(item), (result) => each(items, work, [...done, result]));
}

function specsOf(ref: LimitRef, { settings, nowMs }: EngineParts, set: PolicySet): readonly LimitSpec[] {
  const entry = findRule(ref, set);
  const { policyId: _policyId, ruleId: _ruleId, agent = "*", runId, ...rest } = ref;
  // It refuses members that do not exist: a misspelt tenant would mean the counter of those without one.
  const context = createContext(
    { ...rest, hookpoint: "before_tool_call", agent: { id: agent, runId } },
    nowMs(),
  );
  return (entry.rule.limits ?? []).flatMap((declaration) =>
    declaration.per.map((subject) => {
      // Every call has an agent: without its name a counter is meant that no call has.
      if (subject === "agent") requireText("limits: agent", ref.agent);
      return limitSpecOf({ planeId: settings.planeId, entry, declaration, subject }, context);
    }),
  );
}

function findRule({ policyId, ruleId }: LimitRef, set: PolicySet): CompiledEntry {
  const { policies } = set.current.index;
  const policy = policies.find(({ id }) => id === policyId);
  if (policy === undefined)
    throw unknownName(
      "policy",
      policyId,
      policies.map(({ id }) => id),
    );
  const limited = policy.entries.filter(({ rule }) => (rule.limits ?? []).length > 0);
  const entry = limited.find((candidate) => candidate.ruleId === ruleId);
  if (entry === undefined)
    throw unknownName(
      "limit rule",
      ruleId,
      limited.map((candidate) => candidate.ruleId),
    );
  return entry;
}
