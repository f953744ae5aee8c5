import { requireObject } from "./base/argument.ts";
import { DURATION_HINT, parseDurationMs } from "./base/duration.ts";
import { suggest } from "./base/did-you-mean.ts";
import { ConfigError, type ConfigIssue } from "./base/errors.ts";
import { memberIssues } from "./base/member-issues.ts";
import type { MetricsPort } from "./base/metrics.ts";
import type { PriceTable, Tokenizer } from "./base/model-costs.ts";
import type { Ports } from "./base/ports.ts";
import { createPorts } from "./base/runtime.ts";
import type { Scanner } from "./base/scanner.ts";
import type { AuditSink } from "./audit/audit-sink.ts";
import { HOOKPOINT_PATTERN, HOOKPOINTS } from "./context/hookpoint.ts";
import type { IdentityClaim } from "./context/identity.ts";
import type { CombineAlgorithm } from "./decision/combine.ts";
import type { Policy } from "./policy/policy.ts";
import type { ToolTraits } from "./policy/traits.ts";
import { approvalIssues, type ApprovalOptions } from "./engine/approval-options.ts";
import { wiringIssues } from "./engine/wiring-issues.ts";
import type { CelCompiler, RuleKind } from "./rules/rule.ts";
import type { StateStore } from "./store/state-store.ts";

/** How a plane is wired. Everything is optional; every default is the closed one where safety is concerned. */
export interface PlaneOptions {
  /** Keeps several planes on one store apart. Default `default`. */
  readonly id?: string;
  /** Policies of the source `code`. */
  readonly policies?: readonly Policy[];
  /** What you declare about tools; an undeclared tool counts as writing, external and executing. */
  readonly tools?: Readonly<Record<string, ToolTraits>>;
  /** What happens to a call on which no rule has an opinion. Default `allow`. */
  readonly defaultEffect?: "allow" | "block";
  /** How policies combine. Default `mostRestrictive`. */
  readonly combine?: CombineAlgorithm;
  /** Your own kinds of rules, from `defineRule`. */
  readonly rules?: readonly RuleKind[];
  /** Your own hookpoints, such as `before_publish`. */
  readonly hookpoints?: readonly string[];
  /** Text detectors: `createScanner()` of `@agentplane/safety`. */
  readonly scanner?: Scanner;
  /** CEL for `when` conditions: `createCel()` of `@agentplane/core/cel`. */
  readonly cel?: CelCompiler;
  /** Prices of models; needed by cost budgets. */
  readonly prices?: PriceTable;
  /** Default: UTF-8 bytes / 3. */
  readonly tokenizer?: Tokenizer;
  /** OpenTelemetry metrics: `otelMetrics(api)`. */
  readonly metrics?: MetricsPort;
  /** Default: memory of this process. */
  readonly state?: StateStore;
  /** Default: memory of this process, the last 10,000 records. */
  readonly audit?: AuditSink;
  /** Who answers approvals; without it a call that needs one is blocked. */
  readonly approvals?: ApprovalOptions;
  readonly identity?: {
    /** Identity that may be absent although policies select by it. */
    readonly optional?: readonly ("tenant" | "user")[];
    /**
     * Who acts in the code that runs now: `createAsyncIdentity().current` of `@agentplane/core/node`. The source
     * `async`, after what a call itself says and before the framework's context.
     */
    readonly current?: () => IdentityClaim | undefined;
    /**
     * Later sources that may say what a call leaves open: `async` is `current`, `framework` what an adapter reads from
     * the framework's context. Default none: a source that is not listed can only contradict, which blocks the call.
     */
    readonly trust?: readonly ("async" | "framework")[];
  };
  /** When the state store does not answer. Default `block`. */
  readonly onStateError?: "block" | "allow";
  /**
   * How long one call of the state store may take; longer counts as not answering, so `onStateError` decides. A store
   * that answers at once (memory, SQLite) is not measured. Default `"2s"`.
   */
  readonly stateTimeout?: string;
  /** When a decision cannot be recorded. Default `block`. */
  readonly onAuditError?: "block" | "continue";
  /** Input that is not JSON. Default: block where a rule or hook looks at the call, unless the tool is declared read and not external. */
  readonly onOpaque?: "block" | "allow";
  /** A call whose earlier attempt crashed. `rerun` concerns reads only. Default `block`. */
  readonly onUnknownOutcome?: "block" | "rerun";
  /** Streams that a rule must see whole. Default `buffer`: nothing leaves before it was judged. */
  readonly stream?: {
    /** `exposePrefix`: text leaves before such a rule has judged it, which is recorded; redaction still holds back. */
    readonly onWhole?: "buffer" | "exposePrefix";
  };
  /** How long the holds of a crashed call last. Default `"2m"`. */
  readonly holdTtl?: string;
  /** Replaces what the platform offers, for tests and special environments. */
  readonly ports?: Partial<Ports>;
}

const OPTION_NAMES = [
  "id",
  "policies",
  "tools",
  "defaultEffect",
  "combine",
  "rules",
  "hookpoints",
  "scanner",
  "cel",
  "prices",
  "tokenizer",
  "metrics",
  "state",
  "audit",
  "approvals",
  "identity",
  "onStateError",
  "stateTimeout",
  "onAuditError",
  "onOpaque",
  "onUnknownOutcome",
  "stream",
  "holdTtl",
  "ports",
] as const satisfies readonly (keyof PlaneOptions)[];

const CHOICES = {
  defaultEffect: ["allow", "block"],
  combine: ["mostRestrictive", "priority"],
  onStateError: ["block", "allow"],
  onAuditError: ["block", "continue"],
  onOpaque: ["block", "allow"],
  onUnknownOutcome: ["block", "rerun"],
} as const;

/**
 * Refuses options that would silently do nothing: unknown names, unknown choices, hookpoints that cannot be.
 * @throws ConfigError naming every issue.
 */
export function checkOptions(options: PlaneOptions): void {
  requireObject("createAgentPlane: options", options, "{ policies: [ … ] }");
  const issues: ConfigIssue[] = [...memberIssues("", options, OPTION_NAMES)];
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = options[name as keyof typeof CHOICES];
    if (value !== undefined) issues.push(...choiceIssues(name, value, choices));
  }
  issues.push(...wiringIssues({ ...options }));
  for (const [position, hookpoint] of listed(options.hookpoints).entries()) {
    if (!HOOKPOINT_PATTERN.test(hookpoint) || (HOOKPOINTS as readonly string[]).includes(hookpoint)) {
      const message = `"${hookpoint}" cannot be declared`;
      issues.push({
        path: `hookpoints[${position}]`,
        message,
        suggestion: "use a new lower-case name with underscores",
      });
    }
  }
  issues.push(...approvalIssues(options.approvals), ...identityIssues(options.identity));
  issues.push(...streamIssues(options.stream));
  issues.push(...durationIssues(options, "holdTtl"), ...durationIssues(options, "stateTimeout"));
  if (options.ports !== undefined)
    issues.push(...memberIssues("ports.", options.ports, Object.keys(createPorts())));
  if (issues.length > 0) throw new ConfigError("createAgentPlane", issues);
}

/** What is no list has its own issue. */
function listed(list: readonly string[] | undefined): readonly string[] {
  return Array.isArray(list) ? list : [];
}

/** A misspelt name would trust, or excuse, nobody. */
const IDENTITY_CHOICES = { optional: ["tenant", "user"], trust: ["async", "framework"] } as const;

function identityIssues(identity: PlaneOptions["identity"]): readonly ConfigIssue[] {
  if (identity === undefined) return [];
  const issues = [...memberIssues("identity.", identity, ["optional", "current", "trust"])];
  for (const member of ["optional", "trust"] as const) {
    const names = identity[member];
    if (names !== undefined && !Array.isArray(names))
      issues.push({ path: `identity.${member}`, message: "must be a list" });
    for (const [position, name] of listed(names).entries())
      issues.push(...choiceIssues(`identity.${member}[${position}]`, name, IDENTITY_CHOICES[member]));
  }
  if (identity.current !== undefined && typeof identity.current !== "function") {
    const suggestion = "pass createAsyncIdentity().current, or a function of your own";
    issues.push({ path: "identity.current", message: "is not a function", suggestion });
  }
  return issues;
}

function streamIssues(stream: PlaneOptions["stream"]): readonly ConfigIssue[] {
  if (stream === undefined) return [];
  const { onWhole = "buffer" } = stream;
  return [
    ...memberIssues("stream.", stream, ["onWhole"]),
    ...choiceIssues("stream.onWhole", onWhole, ["buffer", "exposePrefix"]),
  ];
}

function choiceIssues(path: string, value: unknown, choices: readonly string[]): readonly ConfigIssue[] {
  if (choices.some((choice) => choice === value)) return [];
  const word = String(value);
  return [{ path, message: `"${word}" is not a choice`, suggestion: suggest(word, choices) }];
}

function durationIssues(options: PlaneOptions, path: "holdTtl" | "stateTimeout"): readonly ConfigIssue[] {
  const text = options[path];
  if (text === undefined || parseDurationMs(text) !== undefined) return [];
  return [{ path, message: `"${text}" is not a duration`, suggestion: DURATION_HINT }];
}
