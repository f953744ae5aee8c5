import * as z from "zod";
import { createScanner, type Detector } from "@agentplane/safety";

import { ConfigError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { byteTokenizer } from "../../src/base/tokenizer.ts";
import type { PolicyContext, ToolCall } from "../../src/context/context.ts";
import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import type { RuleAnswer } from "../../src/decision/answer.ts";
import type { CompiledRule, CompileTools, RuleDeps, RuleKind } from "../../src/rules/rule.ts";
import type { SessionEntry, SessionView } from "../../src/rules/session-view.ts";

const ports = createPorts();

/** Compiles a rule as the engine does, with a scanner, a price table (1 micro-dollar a token) and no metrics. */
export function compileRule(
  kind: RuleKind,
  params: object = {},
  tools: Partial<CompileTools> = {},
): CompiledRule {
  return kind.compile(z.parse(kind.params, params), {
    path: "policies[0].blocking[0]",
    policyId: "p",
    ruleId: kind.kind,
    scanner: createScanner(),
    cel: undefined,
    prices: { costMicroUsd: (_model, { inputTokens = 0, outputTokens = 0 }) => inputTokens + outputTokens },
    tokenizer: byteTokenizer,
    clock: ports.clock,
    timers: ports.timers,
    hash: ports.hash,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    fetch: undefined,
    metrics: undefined,
    createNotifier: () => ({ notify: () => undefined }),
    secret: () => undefined,
    hookpoints: HOOKPOINTS,
    tools: {},
    fail(subPath, message, suggestion) {
      throw new ConfigError("test", [
        { path: subPath, message, ...(suggestion !== undefined && { suggestion }) },
      ]);
    },
    ...tools,
  });
}

/** What a rule answers on one context; these kinds answer at once. */
export function ask(
  rule: CompiledRule,
  context: PolicyContext,
  deps: Partial<RuleDeps> = {},
): RuleAnswer | undefined {
  const given = rule.check?.(context, {
    nowMs: context.nowMs,
    session: undefined,
    signal: undefined,
    traits: undefined,
    ...deps,
  });
  if (given instanceof Promise) throw new Error("a built-in rule answered late");
  return given;
}

/** The word of a rule's answer; `skip` where it has no opinion. */
export function answerOf(rule: CompiledRule, context: PolicyContext, deps: Partial<RuleDeps> = {}): string {
  return ask(rule, context, deps)?.answer?.answer ?? "skip";
}

/** A context with an agent and nothing else, at 1,000,000 ms. */
export function contextAt(hookpoint: string, rest: Partial<PolicyContext> = {}): PolicyContext {
  return Object.freeze({
    hookpoint,
    agent: { id: "agent-1", ancestors: [] },
    tags: {},
    nowMs: 1_000_000,
    ...rest,
  });
}

/** A tool about to be called. */
export function toolCall(name: string, input: JsonValue = {}, rest: Partial<ToolCall> = {}): PolicyContext {
  return contextAt("before_tool_call", { tool: Object.freeze({ name, input, ...rest }) });
}

/** A model about to be called. */
export function modelCall(messages: JsonValue = [], maxOutputTokens?: number): PolicyContext {
  const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens };
  return contextAt("before_model_call", { model: { name: "small", messages, ...limit } });
}

/** A session with these steps, each allowed and ended unless it says otherwise. */
export function sessionOf(
  entries: readonly Partial<SessionEntry>[],
  rest: Partial<SessionView> = {},
): SessionView {
  return {
    entries: entries.map((entry, index) => ({
      at: 900_000 + index,
      hookpoint: "before_tool_call",
      agent: "agent-1",
      effect: "allow",
      inputDigest: "",
      isInFlight: false,
      decisionId: `d${index}`,
      ...entry,
    })),
    counts: { calls: entries.length, blocked: 0, errors: 0, modelCalls: 0 },
    startedAtMs: 900_000,
    ...rest,
  };
}

/** What is wrong with parameters, as `path: message` lines; empty when they are fine. */
export function problemsOf(kind: RuleKind, params: object): readonly string[] {
  const result = z.safeParse(kind.params, params);
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

/** A detector of a family that finds one word. */
export function wordDetector(name: string, family: Detector["family"], word: string): Detector {
  return {
    name,
    family,
    maxSpanChars: word.length,
    patterns: [],
    find(text) {
      const start = text.indexOf(word);
      return start === -1 ? [] : [{ type: name, start, end: start + word.length, score: 1 }];
    },
  };
}
