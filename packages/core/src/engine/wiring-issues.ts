import type { ConfigIssue } from "../base/errors.ts";

interface Wired {
  /** Members that must be functions. */
  readonly functions: readonly string[];
  /** Members that must be objects. */
  readonly objects?: readonly string[];
  readonly suggestion: string;
}

const DOCUMENTS = ["controls", "ladders", "approvals", "sessions", "admissions", "versions"];

/** What each part must have; a part that lacks it would fail at the first call that needs it, and block that call. */
const WIRED: Readonly<Record<string, Wired>> = {
  audit: {
    functions: ["append", "flush", "close"],
    suggestion: "pass memorySink(), or jsonlSink({ directory }) of @agentplane/core/node",
  },
  state: {
    functions: ["close"],
    objects: ["ledger", ...DOCUMENTS],
    suggestion: "pass memoryState(), or sqliteState({ path }) of @agentplane/core/node",
  },
  scanner: {
    functions: ["scan"],
    objects: ["detectors"],
    suggestion: "pass createScanner() of @agentplane/safety",
  },
  cel: { functions: ["compile"], suggestion: "pass createCel() of @agentplane/core/cel" },
  prices: {
    functions: ["costMicroUsd"],
    suggestion: "pass { costMicroUsd(model, usage) }, or genaiPrices()",
  },
  tokenizer: { functions: ["countTokens"], suggestion: "pass { countTokens(text, model) }" },
  metrics: { functions: ["counter", "histogram"], suggestion: "pass otelMetrics(api)" },
};

const LISTS = ["hookpoints", "rules"];

/**
 * Finds parts of a plane that are not what they are passed as.
 * @param options Those of `createAgentPlane`, as a caller without types may write them.
 */
export function wiringIssues(options: Readonly<Record<string, unknown>>): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const [path, wired] of Object.entries(WIRED)) {
    const part = options[path];
    const missing = part === undefined ? undefined : missingIn(part, wired);
    if (missing !== undefined) issues.push({ path, message: missing, suggestion: wired.suggestion });
  }
  for (const path of LISTS) {
    const list = options[path];
    if (list !== undefined && !Array.isArray(list)) issues.push({ path, message: "must be a list" });
  }
  const kinds: readonly unknown[] = Array.isArray(options["rules"]) ? options["rules"] : [];
  for (const [at, kind] of kinds.entries()) {
    if (missingIn(kind, { functions: ["compile"], suggestion: "" }) === undefined) continue;
    issues.push({
      path: `rules[${at}]`,
      message: "is no kind of rule",
      suggestion: "pass what defineRule returned",
    });
  }
  return issues;
}

function missingIn(part: unknown, { functions, objects = [] }: Wired): string | undefined {
  if (typeof part !== "object" || part === null) return "must be an object";
  const members = part as Readonly<Record<string, unknown>>;
  const lost =
    functions.find((name) => typeof members[name] !== "function") ??
    objects.find((name) => typeof members[name] !== "object" || members[name] === null);
  return lost === undefined ? undefined : `has no ${lost}`;
}
