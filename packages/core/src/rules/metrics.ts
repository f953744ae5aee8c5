import * as z from "zod/mini";

import type { MetricAttributes, MetricInstrument, MetricsPort } from "../base/metrics.ts";
import type { PolicyContext } from "../context/context.ts";
import { actionOf, isAfter } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import { defineRule, type Observation } from "./rule.ts";

/**
 * Counts decisions and measures calls. Names: the GenAI semantic conventions of OpenTelemetry (in development, so kept
 * here as texts), and `agentplane.*` for policy decisions, which have no convention.
 */
export const metrics = defineRule({
  kind: "metrics",
  timing: "nonBlocking",
  hookpoints: ["*"],
  params: z.strictObject({
    /** Add agent and tenant to every measurement: more detail, and as many more time series. */
    identity: z._default(z.boolean(), false),
  }),
  isStateless: false,
  compile({ identity }, tools) {
    const port = tools.metrics ?? tools.fail("", "needs metrics, and none were given", HOW_TO_METER);
    const instruments = instrumentsOf(port);
    return {
      observe(observation) {
        // Several policies may ask for metrics of one call: it is counted once.
        if (instruments.seen.has(observation)) return;
        instruments.seen.add(observation);
        const who = identity ? identityOf(observation.context) : {};
        // An outcome carries the decision on its result, which no observation of its own tells.
        const isDecided = observation.phase === "decision" || isAfter(observation.decision.hookpoint);
        if (isDecided) recordDecision(instruments, observation, who);
        if (observation.phase === "outcome") recordOutcome(instruments, observation, who);
      },
    };
  },
});

const HOW_TO_METER =
  'pass createAgentPlane({ metrics: otelMetrics(api) }), with the module "@opentelemetry/api" as api';

/** From 1 µs to 10 s: a decision takes microseconds, one that asks a store or a rule of the user milliseconds. */
const DECIDING_SECONDS = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1,
  0.25, 1, 10,
] as const;
/** The buckets that the GenAI semantic conventions advise for durations: 10 ms, doubled up to 82 s. */
const CALL_SECONDS = Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index);
/** And for tokens: powers of 4 up to 67 million. */
const TOKENS = Array.from({ length: 14 }, (_, index) => 4 ** index);

interface Instruments {
  readonly decisions: MetricInstrument;
  readonly evaluation: MetricInstrument;
  readonly toolDuration: MetricInstrument;
  readonly modelDuration: MetricInstrument;
  readonly tokens: MetricInstrument;
  readonly seen: WeakSet<Observation>;
}

/** One set of instruments per port, however often policies are loaded: a counter made anew would start anew. */
const instrumentsByPort = new WeakMap<MetricsPort, Instruments>();

function instrumentsOf(port: MetricsPort): Instruments {
  const known = instrumentsByPort.get(port);
  if (known !== undefined) return known;
  const seconds = (name: string, description: string, bucketEnds: readonly number[]): MetricInstrument =>
    port.histogram({ name, unit: "s", description, bucketEnds });
  const made: Instruments = {
    decisions: port.counter({
      name: "agentplane.decisions",
      unit: "{decision}",
      description: "Policy decisions by effect, deciding policy and cause",
    }),
    evaluation: seconds("agentplane.evaluation.duration", "Time to decide", DECIDING_SECONDS),
    toolDuration: seconds("gen_ai.execute_tool.duration", "Time a governed tool call took", CALL_SECONDS),
    modelDuration: seconds(
      "gen_ai.client.operation.duration",
      "Time a governed model call took",
      CALL_SECONDS,
    ),
    tokens: port.histogram({
      name: "gen_ai.client.token.usage",
      unit: "{token}",
      description: "Tokens a governed model call used",
      bucketEnds: TOKENS,
    }),
    seen: new WeakSet(),
  };
  instrumentsByPort.set(port, made);
  return made;
}

function recordDecision(
  { decisions, evaluation }: Instruments,
  { context, decision }: Observation,
  who: MetricAttributes,
): void {
  const subject = { ...who, ...subjectAttributes(context), "agentplane.hookpoint": decision.hookpoint };
  decisions.record(1, { ...decisionAttributes(decision), ...subject });
  for (const finding of decision.shadow)
    decisions.record(1, { ...answerAttributes(finding, finding.answer, "shadow"), ...subject });
  evaluation.record(decision.durationMs / 1_000, {
    "agentplane.hookpoint": decision.hookpoint,
    "agentplane.policy.decision": decision.effect,
  });
}

function recordOutcome(instruments: Instruments, observation: Observation, who: MetricAttributes): void {
  const { context, durationMs, usage, isError } = observation;
  const attributes = {
    ...who,
    ...subjectAttributes(context),
    ...(isError === true && { "error.type": "_OTHER" }),
  };
  if (durationMs !== undefined) {
    if (context.tool !== undefined) instruments.toolDuration.record(durationMs / 1_000, attributes);
    else if (context.model !== undefined) instruments.modelDuration.record(durationMs / 1_000, attributes);
  }
  for (const type of ["input", "output"] as const) {
    const count = usage?.[`${type}Tokens`];
    if (count !== undefined) instruments.tokens.record(count, { ...attributes, "gen_ai.token.type": type });
  }
}

function decisionAttributes(decision: Decision): MetricAttributes {
  const { modes } = decision;
  return {
    ...answerAttributes(decision, decision.effect, "enforce"),
    "agentplane.policy.verdict": decision.verdict,
    "agentplane.policy.cause": decision.cause,
    ...(modes.length > 0 && { "agentplane.policy.degradation": modes.join() }),
  };
}

/** What a shadow policy would have said is counted beside the decision, never as one. */
function answerAttributes(
  { policyId, policyVersion, ruleId }: Pick<Decision, "policyId" | "policyVersion" | "ruleId">,
  answer: string,
  mode: "enforce" | "shadow",
): MetricAttributes {
  return {
    "agentplane.policy.decision": answer,
    "agentplane.policy.mode": mode,
    "agentplane.policy.shadow": mode === "shadow",
    ...(policyId !== undefined && { "agentplane.policy.id": policyId }),
    ...(policyVersion !== undefined && { "agentplane.policy.version": policyVersion }),
    ...(ruleId !== undefined && { "agentplane.policy.rule": ruleId }),
  };
}

const OPERATIONS: Readonly<Record<string, string>> = {
  tool_call: "execute_tool",
  model_call: "chat",
  agent: "invoke_agent",
};

function subjectAttributes({ hookpoint, tool, model }: PolicyContext): MetricAttributes {
  const operation = OPERATIONS[actionOf(hookpoint)];
  return {
    ...(operation !== undefined && { "gen_ai.operation.name": operation }),
    ...(tool !== undefined && { "gen_ai.tool.name": tool.name }),
    ...(model !== undefined && { "gen_ai.request.model": model.name }),
    ...(model?.provider !== undefined && { "gen_ai.provider.name": model.provider }),
  };
}

function identityOf({ agent, tenant }: PolicyContext): MetricAttributes {
  return { "gen_ai.agent.id": agent.id, ...(tenant !== undefined && { "agentplane.tenant.id": tenant }) };
}
