import type { $ZodType } from "zod/v4/core";

import type { FetchLike } from "../base/platform.ts";
import type { Clock, Hash, Logger, Timers } from "../base/ports.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { MetricsPort } from "../base/metrics.ts";
import type { PriceTable, Tokenizer, Usage } from "../base/model-costs.ts";
import type { Notifier } from "../base/notifier.ts";
import type { Scanner } from "../base/scanner.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter, type Hookpoint } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import type { RuleAnswer } from "../decision/answer.ts";
import type { LimitSubject, Measure, Window } from "../policy/limit.ts";
import type { DegradeSpec } from "../policy/mode.ts";
import type { AlertTarget } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import type { SessionView } from "./session-view.ts";

/** What a rule may use while it answers; handed in, so that a rule stays a pure function. */
export interface RuleDeps {
  /** Epoch ms on the engine's steady clock. */
  readonly nowMs: number;
  /** The history of the session; present only for rules that declare `reads: ["session"]`. */
  readonly session: SessionView | undefined;
  /** Fires when the rule's time is up; present for kinds of your own. */
  readonly signal: AbortSignalLike | undefined;
  /** Traits of the tool of this call, as declared by the operator. */
  readonly traits: ToolTraits | undefined;
}

/** What a rule may use once, when its policy is loaded. */
export interface CompileTools {
  /** For error messages: JSON path of the rule. */
  readonly path: string;
  readonly policyId: string;
  readonly ruleId: string;
  /** Undefined when no scanner was given: a rule that needs one calls `fail`. */
  readonly scanner: Scanner | undefined;
  /** CEL for the `when` of condition; undefined unless `./cel` was wired in. */
  readonly cel: CelCompiler | undefined;
  readonly prices: PriceTable | undefined;
  readonly tokenizer: Tokenizer;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly hash: Hash;
  readonly logger: Logger;
  readonly fetch: FetchLike | undefined;
  /** Where the metrics rule counts; undefined when none was given: a rule that needs one calls `fail`. */
  readonly metrics: MetricsPort | undefined;
  /** Opens a channel for alerts; what is wrong with the target is reported through `fail`. */
  readonly createNotifier: (target: AlertTarget, fail: CompileTools["fail"]) => Notifier;
  /** Resolves `{ env: NAME }`; undefined when it is not set. */
  readonly secret: (name: string) => string | undefined;
  readonly hookpoints: readonly string[];
  readonly tools: Readonly<Record<string, ToolTraits>>;
  /** Refuses the configuration with a clear issue at `path` + the given sub-path. Throws. */
  fail(subPath: string, message: string, suggestion?: string): never;
}

/** Compiles a CEL expression once; provided by `@agentplane/core/cel`. */
export interface CelCompiler {
  /** @throws AgentplaneError `config_invalid` naming what in the expression is wrong */
  compile(expression: string): (context: PolicyContext, session: SessionView | undefined) => boolean;
}

/** How much of each limit a call asks for, before it runs; integers in the limit's measure. */
export interface LimitEstimate {
  readonly amount: number;
  /** Output tokens the estimate allows for; the request is clamped to it. */
  readonly clampOutputTokens?: number;
  /** The price or size is not known: the rule's own answer decides instead of the ledger. */
  readonly unknown?: RuleAnswer;
}

/** A limit a rule declares, static, so that lint and the store see it. */
export interface LimitDeclaration {
  readonly measure: Measure;
  readonly limit: number;
  readonly window: Window;
  readonly per: readonly LimitSubject[];
  readonly onBreach: "block" | "escalate" | "degrade";
  readonly degrade?: DegradeSpec;
  /** What an expired hold of a crashed call becomes. Default `charge`. */
  readonly expired: "charge" | "release";
  /** Default for calls: 1 at `before_*`. */
  estimate(context: PolicyContext): LimitEstimate;
  /** What the call really used; undefined means "as estimated". */
  actual(usage: Usage | undefined, context: PolicyContext, durationMs: number): number | undefined;
  /** For people, when the limit is exceeded: `at most 100 calls per 1h`. */
  describe(): string;
}

/** What the audit record of a matching call may contain: read before it is written. */
export interface AuditDeclaration {
  readonly includeInput: boolean;
  readonly includeResult: boolean;
  readonly mode?: "durable" | "buffered";
}

/** What happened, as non-blocking rules see it, for blocked calls too. */
export interface Observation {
  readonly context: PolicyContext;
  readonly decision: Decision;
  readonly phase: "decision" | "outcome";
  readonly usage?: Usage;
  readonly durationMs?: number;
  readonly isError?: boolean;
}

/** A rule, compiled to closures once. */
export interface CompiledRule {
  /** The rule's opinion on this call. May return a promise: it is awaited with the rule's timeout. */
  readonly check?: (context: PolicyContext, deps: RuleDeps) => MaybePromise<RuleAnswer | undefined>;
  /** A promise that neither `check` nor an estimate answers `escalate` or `degrade`: nobody is asked because of it. Default: it may. */
  readonly neverAsks?: boolean;
  readonly limits?: readonly LimitDeclaration[];
  /** Static duties that hold whenever the policy matches; interned. */
  readonly obligations?: RuleAnswer["obligations"];
  /** What `check` looks at beyond identity and names; a peek answers `unknown` where it is absent. */
  readonly reads?: readonly RuleRead[];
  /** How a rule at `after_model_call` treats a stream: needs all of it, or at most this many characters at once. */
  readonly span?: { readonly incremental: number } | "whole";
  /** Non-blocking: called aside, never awaited by the agent. */
  readonly observe?: (observation: Observation) => MaybePromise<void>;
  /** Non-blocking: a declaration for the audit record. */
  readonly audit?: AuditDeclaration;
  /** Milliseconds a promise of `check` or `observe` may take. Default 1,000. */
  readonly timeoutMs?: number;
  /** Called when the policy is replaced. */
  readonly close?: () => void;
}

/** The `span` of a rule that looks at every hookpoint and never at a response's text: it holds no stream back. */
export const NEEDS_NO_TEXT: NonNullable<CompiledRule["span"]> = Object.freeze({ incremental: 0 });

/** What a rule may declare to read. */
export type RuleRead = "input" | "messages" | "result" | "session" | "api" | "usage";

/** Whether a rule takes part in the decision or watches it. */
export type RuleTiming = "blocking" | "nonBlocking";

/** A kind of rule: everything else (schema, factory, docs, contract test) is derived from it. */
export interface RuleKind<Params = unknown, Kind extends string = string, Input = unknown> {
  readonly kind: Kind;
  /** One sentence for people, as the JSON Schema shows it in editors; of built-in kinds in `rule-reference.ts`. */
  readonly summary?: string;
  readonly timing: RuleTiming;
  /** The hookpoints at which it looks; `["*"]` for all, `["before_*"]` for all but `after_*`, custom ones included. */
  readonly hookpoints: readonly (Hookpoint | "*" | "before_*")[];
  /** The kind's own parameters, without `rule` and `id`. Strict: unknown fields are refused. */
  readonly params: $ZodType<Params, Input>;
  /** A valid set of parameters, for people and tests. */
  readonly example?: Readonly<Record<string, unknown>>;
  /** What the kind needs wired in; missing is a load error that says so. */
  readonly needs?: readonly ("scanner" | "fetch" | "cel")[];
  /** Whether the answer depends only on the context: such rules run again on a rewritten input. */
  readonly isStateless: boolean;
  /**
   * What `compile` returns depends on nothing of its policy but what the rule itself says, and keeps nothing between
   * calls: rules that are loaded together and say the same, their ids included, share it. Default false.
   */
  readonly isShared?: boolean;
  compile(params: Params, tools: CompileTools): CompiledRule;
}

/** Whether a kind of rule looks at a hookpoint. */
export function looksAt({ hookpoints }: Pick<RuleKind, "hookpoints">, hookpoint: string): boolean {
  return hookpoints.some(
    (one) => one === hookpoint || one === "*" || (one === "before_*" && !isAfter(hookpoint)),
  );
}

/**
 * Declares a kind of rule; users add theirs with `createAgentPlane({ rules: [myRule] })`.
 * @param kind The declaration; `params` gives the type of what `compile` receives.
 */
export function defineRule<Params, const Kind extends string, Input>(
  kind: RuleKind<Params, Kind, Input>,
): RuleKind<Params, Kind, Input> {
  return kind;
}
