/** Every stable error code of this package, pinned by a test: programs may branch on them. */
export const ERROR_CODES = [
  "alert_failed",
  "approval_pending",
  "approval_invalid",
  "audit_failed",
  "call_taken_over",
  "audit_corrupt",
  "config_invalid",
  "content_refused",
  "context_invalid",
  "duration_invalid",
  "hook_blocked",
  "hook_invalid",
  "internal_unreachable",
  "policy_blocked",
  "policy_degraded",
  "rule_failed",
  "rule_timeout",
  "state_failed",
  "usage_invalid",
  "version_unknown",
] as const;

/** A stable, machine-readable reason of an {@link AgentplaneError}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** JSON-safe facts that travel with an error; never a secret, never a tool argument. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * The root of every error this package throws: a stable `code`, typed `data`, the `cause` kept.
 * Expected denials are values (a `Decision`); errors are misuse, bad data or a broken environment.
 */
export class AgentplaneError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, options: { data?: ErrorData; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.data = options.data ?? {};
  }
}

/** One thing wrong with a configuration: where it is and what to do instead. */
export interface ConfigIssue {
  /** JSON path from the document's root, such as `policies[0].blocking[1].limit`. */
  readonly path: string;
  readonly message: string;
  /** What to write instead, such as a "did you mean". */
  readonly suggestion?: string;
}

/** Configuration that cannot be loaded; names every issue with its JSON path (`config_invalid`). */
export class ConfigError extends AgentplaneError {
  readonly issues: readonly ConfigIssue[];

  constructor(source: string, issues: readonly ConfigIssue[], cause?: unknown) {
    super("config_invalid", describeIssues(source, issues), { data: { source, issues }, cause });
    this.issues = issues;
  }
}

function describeIssues(source: string, issues: readonly ConfigIssue[]): string {
  const lines = issues.map(
    ({ path, message, suggestion }) =>
      `  ${path === "" ? "(root)" : path}: ${message}${suggestion === undefined ? "" : ` — ${suggestion}`}`,
  );
  return `${source}: ${issues.length} configuration ${issues.length === 1 ? "error" : "errors"}\n${lines.join("\n")}`;
}
