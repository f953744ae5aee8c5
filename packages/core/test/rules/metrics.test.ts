import { expect, test } from "vitest";

import type { MetricAttributes, MetricDescription, MetricsPort } from "../../src/base/metrics.ts";
import { metrics } from "../../src/rules/metrics.ts";
import { compileRule, modelCall } from "./compile-rule.ts";
import { observationOf } from "./observation.ts";

interface Recorded {
  readonly name: string;
  readonly value: number;
  readonly attributes: MetricAttributes;
}

function recorder(): { port: MetricsPort; created: string[]; recorded: Recorded[] } {
  const created: string[] = [];
  const recorded: Recorded[] = [];
  const make = ({ name }: MetricDescription) => {
    created.push(name);
    return {
      record: (value: number, attributes: MetricAttributes) =>
        void recorded.push({ name, value, attributes }),
    };
  };
  return { port: { counter: make, histogram: make }, created, recorded };
}

test("counts each decision with its policy, and how long deciding took", () => {
  const { port, recorded } = recorder();
  void compileRule(metrics, {}, { metrics: port }).observe?.(
    observationOf({ effect: "block", verdict: "block" }),
  );
  expect(recorded.find(({ name }) => name === "agentplane.decisions")).toMatchObject({
    value: 1,
    attributes: {
      "agentplane.policy.id": "p",
      "agentplane.policy.version": "sha256:1",
      "agentplane.policy.rule": "r",
      "agentplane.policy.decision": "block",
      "agentplane.policy.shadow": false,
      "gen_ai.tool.name": "search",
      "gen_ai.operation.name": "execute_tool",
    },
  });
  expect(recorded.find(({ name }) => name === "agentplane.evaluation.duration")?.value).toBe(0.002);
});

test("counts what shadow policies would have said beside it", () => {
  const { port, recorded } = recorder();
  const finding = {
    policyId: "s",
    policyVersion: "v",
    ruleId: "r",
    kind: "rate",
    answer: "block",
    reason: "",
  } as const;
  void compileRule(metrics, {}, { metrics: port }).observe?.(observationOf({ shadow: [finding] }));
  const counted = recorded.filter(({ name }) => name === "agentplane.decisions");
  expect(counted.map(({ attributes }) => attributes["agentplane.policy.shadow"])).toStrictEqual([
    false,
    true,
  ]);
});

test("one_counter_per_metric: instruments are made once, and a call is counted once", () => {
  const { port, created, recorded } = recorder();
  const first = compileRule(metrics, {}, { metrics: port });
  const second = compileRule(metrics, {}, { metrics: port });
  const observation = observationOf();
  for (const rule of [first, second, first]) void rule.observe?.(observation);
  expect(created).toStrictEqual([...new Set(created)]);
  expect(recorded.filter(({ name }) => name === "agentplane.decisions")).toHaveLength(1);
  void first.observe?.(observationOf());
  expect(recorded.filter(({ name }) => name === "agentplane.decisions")).toHaveLength(2);
});

test("measures tool and model calls when they end", () => {
  const { port, recorded } = recorder();
  const rule = compileRule(metrics, {}, { metrics: port });
  void rule.observe?.(observationOf({}, { phase: "outcome", durationMs: 1_500, isError: true }));
  const usage = { inputTokens: 7, outputTokens: 3 };
  void rule.observe?.(observationOf({}, { phase: "outcome", durationMs: 250, usage }, modelCall()));
  expect(recorded.map(({ name, value }) => [name, value])).toStrictEqual([
    ["gen_ai.execute_tool.duration", 1.5],
    ["gen_ai.client.operation.duration", 0.25],
    ["gen_ai.client.token.usage", 7],
    ["gen_ai.client.token.usage", 3],
  ]);
  expect(recorded[0]?.attributes["error.type"]).toBe("_OTHER");
});

test("counts the decision on a result, which comes with the outcome", () => {
  const { port, recorded } = recorder();
  const withheld = observationOf({ hookpoint: "after_tool_call", effect: "block" }, { phase: "outcome" });
  void compileRule(metrics, {}, { metrics: port }).observe?.(withheld);
  expect(recorded.filter(({ name }) => name === "agentplane.decisions")).toHaveLength(1);
});

test("names agents and tenants only where asked, and content never", () => {
  const { port, recorded } = recorder();
  void compileRule(metrics, {}, { metrics: port }).observe?.(observationOf());
  expect(JSON.stringify(recorded)).not.toMatch(/agent-1|secret text/);
  void compileRule(metrics, { identity: true }, { metrics: port }).observe?.(observationOf());
  expect(JSON.stringify(recorded)).toContain("agent-1");
  expect(JSON.stringify(recorded)).not.toContain("secret text");
});

test("is a load error that says what to pass when no metrics were given", () => {
  expect(() => compileRule(metrics)).toThrow(/needs metrics.*otelMetrics/);
});
