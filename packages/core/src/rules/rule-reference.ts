import type { BUILT_IN_RULES } from "./registry.ts";
import type { RuleKind } from "./rule.ts";

/** What people read of a kind of rule. */
export type RuleReference = Required<Pick<RuleKind, "summary" | "example">>;

/**
 * What people read of each kind that comes with the package. It stands apart from the kinds so that an application that
 * only runs policies does not carry it.
 */
export const RULE_REFERENCE: Readonly<Record<(typeof BUILT_IN_RULES)[number]["kind"], RuleReference>> = {
  allowlist: {
    summary: "Allows the listed tools (globs, `!exclusions`) and blocks every other tool.",
    example: { tools: ["sql_run", "search_*"] },
  },
  denylist: {
    summary:
      "Blocks the listed tools (globs, `!exclusions`), whether they are named by alias or by their server.",
    example: { tools: ["delete_*", "!delete_draft"] },
  },
  redact: {
    summary:
      "Replaces named fields and detected text in results, responses and the audit trail (and inputs if listed).",
    example: { fields: ["ssn", "*_key"], detect: ["email", "card"] },
  },
  rate: {
    summary: "At most `limit` of the calls its policy selects, per window and subject (default: per agent).",
    example: { limit: 100, window: "1h", per: "tenant" },
  },
  requireTenant: {
    summary: "Blocks calls that name no tenant, or none of the listed ones (globs, `!exclusions`).",
    example: { tenants: ["acme", "globex-*"] },
  },
  tokenBudget: {
    summary:
      "At most `maxTokens` input and output tokens of model calls per window and subject (default: per agent).",
    example: { maxTokens: 200_000, window: { calendar: "day", timeZone: "Europe/Berlin" }, per: "tenant" },
  },
  costBudget: {
    summary: "At most `maxUsd` US dollars of model calls per window and subject (default: per agent).",
    example: { maxUsd: 20, window: { calendar: "day", timeZone: "Europe/Berlin" }, per: "tenant" },
  },
  timeBudget: {
    summary: "At most `limit` of running time of calls per window and subject (default: per agent).",
    example: { limit: "10m", window: "1h", per: "tenant", estimate: "2s" },
  },
  apiAllowlist: {
    summary:
      "Allows the HTTP calls that an entry matches (methods, hosts, paths) and blocks all others and unknown ones.",
    example: { rules: [{ methods: ["GET"], hosts: ["api.example.com"], paths: ["/reports/*"] }] },
  },
  apiDenylist: {
    summary:
      "Blocks the HTTP calls that an entry matches (methods, hosts, paths), however their URL is spelt.",
    example: { rules: [{ paths: ["/admin/*"] }, { methods: ["DELETE"] }] },
  },
  injectionScan: {
    summary: "Blocks or escalates prompt injection in what users, tools and tool descriptions say.",
    example: { threshold: 0.7, onFinding: "escalate" },
  },
  condition: {
    summary:
      "Blocks, escalates or allows the calls that a condition over the context and the session describes.",
    example: {
      where: { tool: "refund", input: { amount: { gt: 500 } } },
      reason: "refunds above 500 need a person",
    },
  },
  argSchema: {
    summary: "Blocks tool calls whose input does not fit a JSON Schema.",
    example: {
      tool: "refund",
      schema: {
        type: "object",
        required: ["amount"],
        properties: { amount: { type: "number", maximum: 500 } },
      },
    },
  },
  loop: {
    summary:
      "Stops an agent after `maxIterations` model calls or `maxRepeats` identical tool calls in its session (else run, else agent).",
    example: { maxIterations: 25, maxRepeats: 3, within: "10m" },
  },
  idempotency: {
    summary:
      "Blocks a tool call that already ran with the same input within `window` in this session (else run, else agent).",
    example: { window: "10m", tools: ["refund", "send_*"] },
  },
  sla: {
    summary:
      "Acts before the next step when the last step took over `maxStepMs` or the run is older than `maxRunMs`.",
    example: { maxStepMs: 10_000, maxRunMs: 300_000, onBreach: "escalate" },
  },
  secretScan: {
    summary: "Blocks or escalates credentials in inputs, prompts, results and responses.",
    example: { channels: ["tool_input", "model_output"] },
  },
  piiBlock: {
    summary: "Blocks or escalates personal data in inputs, prompts, results and responses.",
    example: { detect: ["card", "ssn"], channels: ["model_output"] },
  },
  toxicityScan: {
    summary: "Escalates (by default) or blocks toxic language of users and models.",
    example: { onFinding: "escalate" },
  },
  audit: {
    summary:
      "Adds redacted inputs or results to the audit records of matching calls, and says how safely they are kept.",
    example: { includeInput: true, mode: "durable" },
  },
  alert: {
    summary:
      "Sends an alert for calls that were blocked, asked about, escalated or degraded (default: any breach).",
    example: {
      on: ["block", "degrade"],
      channel: "webhook",
      url: "https://example.com/alerts",
      secret: { env: "ALERT_KEY" },
    },
  },
  costTracking: {
    summary: "Adds up the cost of model calls per subject and window, without limiting it.",
    example: { per: ["tenant", "agent"], window: { calendar: "month", timeZone: "UTC" } },
  },
  metrics: {
    summary: "Records decisions, evaluation time, call durations and token usage as OpenTelemetry metrics.",
    example: { identity: true },
  },
  piiScan: {
    summary: "Logs how often personal data occurs in matching calls, by type; never the data itself.",
    example: { detect: ["email", "card"] },
  },
};

const SUMMARIES: ReadonlyMap<string, string> = new Map(
  Object.entries(RULE_REFERENCE).map(([kind, { summary }]) => [kind, summary]),
);

/** The one sentence that says what a kind does; undefined for one of the user's own that has none. */
export function summaryOf({ kind, summary }: RuleKind): string | undefined {
  return summary ?? SUMMARIES.get(kind);
}
