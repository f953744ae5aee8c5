export { createAgentPlane, type AgentPlane } from "./plane.ts";
export type { PlaneOptions } from "./plane-options.ts";

export {
  AgentplaneError,
  ConfigError,
  ERROR_CODES,
  type ConfigIssue,
  type ErrorCode,
} from "./base/errors.ts";
export { digestOf } from "./base/digest.ts";
export type { JsonObject, JsonValue } from "./base/json.ts";
export type { MaybePromise } from "./base/maybe-promise.ts";
export type { MetricAttributes, MetricDescription, MetricInstrument, MetricsPort } from "./base/metrics.ts";
export { otelMetrics } from "./base/otel-metrics.ts";
export { genaiPrices, type PriceOverride } from "./base/genai-prices.ts";
export type { PriceTable, Tokenizer, Usage } from "./base/model-costs.ts";
export type { AlertMessage, Notifier } from "./base/notifier.ts";
export type { AbortSignalLike, FetchLike } from "./base/platform.ts";
export type { AsyncScope, Clock, Hash, Ids, Logger, Ports, SteadyClock, Timers } from "./base/ports.ts";
export type { DetectorInfo, ScanChannel, Scanner, Span } from "./base/scanner.ts";
export type { Seal } from "./base/seal.ts";

export type {
  AgentIdentity,
  ApiCall,
  ModelCall,
  PolicyContext,
  Target,
  ToolCall,
} from "./context/context.ts";
export { createContext, type ContextInit } from "./context/create-context.ts";
export { HOOKPOINTS, type Hookpoint, type KnownHookpoint } from "./context/hookpoint.ts";
export { checkIdentity, type IdentityForm } from "./context/check-identity.ts";
export { resolveIdentity, type IdentityClaim } from "./context/identity.ts";

export type { Policy, PolicyDocument, PolicySource, RuleSpec } from "./policy/policy.ts";
export type { AlertTarget, ApprovalTerms, EscalationAction, EscalationStep } from "./policy/policy.ts";
export type { DegradeSpec, Mode, Recovery } from "./policy/mode.ts";
export { MODES } from "./policy/mode.ts";
export type { SelectorSpec } from "./policy/selector.ts";
export type { ToolTraits } from "./policy/traits.ts";
export type { LoadedPolicy } from "./policy/loaded-policy.ts";
export type { LimitSpec, LimitSubject, Measure, Window } from "./policy/limit.ts";

export type { Answer, RuleAnswer } from "./decision/answer.ts";
export type { CombineAlgorithm } from "./decision/combine.ts";
export type { Decision, DecisionCause, Effect, Finding, Intent, Verdict } from "./decision/decision.ts";
export type {
  CallEnd,
  ControlsView,
  DecisionPoint,
  Denial,
  Ruling,
  StreamDuties,
} from "./decision/decision-point.ts";
export type { Obligation, RedactObligation, RewriteObligation } from "./decision/obligation.ts";
export { ApprovalPending, PolicyBlocked, PolicyDegraded, PolicyError } from "./decision/policy-error.ts";

export { createRuleFactories, rule } from "./rules/rule-factory.ts";
export { defineRule } from "./rules/rule.ts";
export type {
  CelCompiler,
  CompiledRule,
  CompileTools,
  Observation,
  RuleDeps,
  RuleKind,
} from "./rules/rule.ts";
export type { SessionEntry, SessionView } from "./rules/session-view.ts";
export { createRegistry, type RuleRegistry } from "./rules/registry.ts";

export { parsePolicies, type ParsedDocument } from "./load/parse.ts";
export { lint, type LintFinding, type LintOptions } from "./load/lint.ts";
export { lintPlane, type LintInput } from "./load/lint-plane.ts";
export { policyJsonSchema } from "./load/json-schema.ts";

export { memoryState } from "./store/memory-state.ts";
export type {
  AdmissionChange,
  DocumentStore,
  DocumentWatcher,
  LedgerStore,
  LimitBreach,
  LimitState,
  Reservation,
  ReserveItem,
  ReserveRequest,
  StateStore,
  StoreAdmission,
  StoreAdmissionAnswer,
  UpdateOptions,
} from "./store/state-store.ts";

export type { AuditRecord, ControlRecord, DecisionRecord, OutcomeRecord } from "./audit/audit-record.ts";
export type { AuditSink } from "./audit/audit-sink.ts";
export { memorySink } from "./audit/memory-sink.ts";
export { fanOutSink, type FanOutTarget } from "./audit/fan-out-sink.ts";
export { otelLogSink, type OtelLogger, type OtelLogRecord } from "./audit/otel-log-sink.ts";
export { verifyLines, type VerifyReport } from "./audit/verify.ts";

export type { Engine } from "./engine/engine.ts";
export type { LoadOutcome } from "./engine/load-queue.ts";
export type { Controls, PlugAct } from "./engine/controls.ts";
export type { LimitRef, Limits, OperatorAct } from "./engine/limits.ts";
export type { PlugAuthority, PlugEntry, PlugSubject } from "./state/plugboard.ts";
export type { ModeEntry, ModeScope } from "./state/degradation.ts";
export type { Approval, ApprovalAct, Approvals } from "./state/approval.ts";

export type {
  Hook,
  HookBlock,
  HookChange,
  HookFilter,
  HookOptions,
  HookReturn,
  HookTools,
} from "./hooks/hook.ts";
export { HookRegistry } from "./hooks/hook-registry.ts";
export { HookBlocked } from "./hooks/hook-blocked.ts";
export { blockIf, inject, retry } from "./hooks/hook-patterns.ts";

export type { Guard } from "./enforce/guard.ts";
export type { GuardedContext, GuardInit } from "./enforce/acting-context.ts";
export type { Admission } from "./enforce/admission.ts";
export type { CallResult, ResultCodec } from "./enforce/complete.ts";
export type { GuardedCall } from "./enforce/execute.ts";
export type { StreamCall } from "./enforce/guard-stream.ts";
export type { ChunkText, StreamCodec } from "./enforce/stream-codec.ts";
export type { TextStreamRedactor } from "./context/redact-stream.ts";
export type { GuardedTool, ToolRun } from "./enforce/tool-run.ts";
export type { Denied, Outcome } from "./enforce/outcome.ts";
export type { NamedTool } from "./enforce/visible-tools.ts";
export {
  enforce,
  policyGuard,
  type AnyFunction,
  type GuardOptions,
  type WrapOptions,
} from "./enforce/wrap.ts";
export { requirePolicy, type RequireOptions, type RequiringPlane } from "./enforce/require-policy.ts";

export { applyDiff } from "./versioning/apply-diff.ts";
export { diffPolicies, type PolicyDiff } from "./versioning/diff.ts";
export type { PolicyVersion, PublishNote, VersionRef } from "./versioning/policy-version.ts";
export type { Versions } from "./versioning/versions.ts";
