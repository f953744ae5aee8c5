import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import { isRuleAnswer } from "../decision/check-answer.ts";
import type { CombineAlgorithm } from "../decision/combine.ts";
import type { RuleDeps } from "../rules/rule.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { Pass } from "./pass.ts";

/** What running rules needs beside the pass. */
export interface RuleRunner {
  readonly ports: Ports;
  readonly settings: { readonly combine: CombineAlgorithm };
}

/**
 * Asks one rule, within its time: a throw, a hang or garbage becomes the policy's `onError` answer.
 */
export function callRule(
  entry: CompiledEntry,
  pass: Pick<Pass, "context" | "session" | "traits">,
  { ports }: RuleRunner,
): MaybePromise<RuleAnswer | undefined> {
  const deps: RuleDeps = {
    nowMs: pass.context.nowMs,
    session: entry.readsSession ? pass.session : undefined,
    signal: undefined,
    traits: pass.traits,
  };
  try {
    if (entry.isBuiltIn) {
      const result = entry.check!.call(entry.rule, pass.context, deps);
      // The very answer of last time is no promise; what it is made of need not be fetched to know that.
      if (result === entry.told?.given) return result;
      return isThenable(result) ? withTimeout(entry, result, ports) : result;
    }
    const startedMs = ports.clock.elapsedMs();
    const abort = ports.createAbort();
    const result = entry.check!.call(entry.rule, pass.context, { ...deps, signal: abort.signal });
    if (isThenable(result)) return withTimeout(entry, result, ports, () => abort.abort());
    if (ports.clock.elapsedMs() - startedMs > entry.timeoutMs) return failed(entry, "timeout", ports);
    return checked(entry, result, ports);
  } catch (error) {
    return failed(entry, "threw", ports, error);
  }
}

function withTimeout(
  entry: CompiledEntry,
  result: Promise<RuleAnswer | undefined>,
  ports: Ports,
  onTimeout?: () => void,
): Promise<RuleAnswer | undefined> {
  let cancel: (() => void) | undefined;
  const late = new Promise<RuleAnswer | undefined>((resolve) => {
    cancel = ports.timers.set(() => {
      onTimeout?.();
      resolve(failed(entry, "timeout", ports));
    }, entry.timeoutMs);
  });
  // A foreign thenable may do anything; wrapped, whatever it does ends as an answer, an error or a timeout.
  const answered = Promise.resolve(result).then(
    (given) => checked(entry, given, ports),
    (error: unknown) => failed(entry, "threw", ports, error),
  );
  return Promise.race([answered, late]).finally(() => cancel?.());
}

function checked(entry: CompiledEntry, given: RuleAnswer | undefined, ports: Ports): RuleAnswer | undefined {
  return given === undefined || isRuleAnswer(given) ? given : failed(entry, "invalid", ports);
}

const FAILURE_WORDS = {
  threw: "failed with an error",
  timeout: "did not answer in time",
  invalid: "gave something that is not an answer",
} as const;

function failed(
  entry: CompiledEntry,
  failure: keyof typeof FAILURE_WORDS,
  { logger }: Ports,
  cause?: unknown,
): RuleAnswer | undefined {
  const { policy, ruleId } = entry;
  const code = cause instanceof AgentplaneError ? cause.code : undefined;
  logger.error(
    `rule "${ruleId}" of policy "${policy.id}" ${FAILURE_WORDS[failure]}; onError: ${policy.onError}`,
    {
      policyId: policy.id,
      ruleId,
      failure,
      code,
      error: cause instanceof Error ? cause.name : undefined,
    },
  );
  // Our own rules say what they miss, without any value; what other code throws may hold content.
  const what = code === "rule_failed" && cause instanceof AgentplaneError ? `: ${cause.message}` : "";
  const reason = `rule "${ruleId}" ${FAILURE_WORDS[failure]}${what}, and policy "${policy.id}" says onError: ${policy.onError}`;
  // With onError allow the failure is loud in the log, and grants nothing.
  if (policy.onError === "allow") return undefined;
  return { answer: { answer: "block", reason, failure } };
}
