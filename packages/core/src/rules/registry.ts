import { ConfigError } from "../base/errors.ts";
import { alert } from "./alert.ts";
import { allowlist } from "./allowlist.ts";
import { apiAllowlist } from "./api-allowlist.ts";
import { apiDenylist } from "./api-denylist.ts";
import { argSchema } from "./arg-schema.ts";
import { audit } from "./audit.ts";
import { condition } from "./condition.ts";
import { costBudget } from "./cost-budget.ts";
import { costTracking } from "./cost-tracking.ts";
import { denylist } from "./denylist.ts";
import { idempotency } from "./idempotency.ts";
import { injectionScan } from "./injection-scan.ts";
import { loop } from "./loop.ts";
import { metrics } from "./metrics.ts";
import { piiBlock } from "./pii-block.ts";
import { piiScan } from "./pii-scan.ts";
import { rate } from "./rate.ts";
import { redact } from "./redact.ts";
import { requireTenant } from "./require-tenant.ts";
import { secretScan } from "./secret-scan.ts";
import { sla } from "./sla.ts";
import { timeBudget } from "./time-budget.ts";
import { tokenBudget } from "./token-budget.ts";
import { toxicityScan } from "./toxicity-scan.ts";
import type { RuleKind } from "./rule.ts";

/** Every kind that comes with the package, one line each. */
export const BUILT_IN_RULES = [
  allowlist,
  denylist,
  redact,
  rate,
  requireTenant,
  tokenBudget,
  costBudget,
  timeBudget,
  apiAllowlist,
  apiDenylist,
  injectionScan,
  condition,
  argSchema,
  loop,
  idempotency,
  sla,
  secretScan,
  piiBlock,
  toxicityScan,
  audit,
  alert,
  costTracking,
  metrics,
  piiScan,
] as const satisfies readonly RuleKind[];

const BUILT_IN: ReadonlySet<RuleKind> = new Set(BUILT_IN_RULES);

/** Tells whether a kind comes with the package: it neither changes nor keeps the parameters it is given. */
export function isBuiltInRule(kind: RuleKind): boolean {
  return BUILT_IN.has(kind);
}

/** The kinds a plane knows: looked up when a policy is loaded, listed for schemas and documentation. */
export interface RuleRegistry {
  get(kind: string): RuleKind | undefined;
  readonly kinds: readonly string[];
  readonly all: readonly RuleKind[];
}

/**
 * Creates the registry of a plane.
 * @param extra Kinds of the user's own, made with `defineRule`.
 * @throws ConfigError when a kind is registered twice: a built-in one is never replaced.
 */
export function createRegistry(extra: readonly RuleKind[] = []): RuleRegistry {
  const byKind = new Map<string, RuleKind>();
  for (const [position, kind] of [...BUILT_IN_RULES, ...extra].entries()) {
    const name = kind.kind;
    const issue = byKind.has(name) ? `rule kind "${name}" exists already` : nameIssue(name);
    if (issue !== undefined) {
      const path = `rules[${position - BUILT_IN_RULES.length}].kind`;
      throw new ConfigError("rules", [
        { path, message: issue, suggestion: "give your kind a name of its own" },
      ]);
    }
    byKind.set(name, kind);
  }
  const all = [...byKind.values()];
  return { get: (kind) => byKind.get(kind), kinds: all.map(({ kind }) => kind), all };
}

function nameIssue(name: string): string | undefined {
  return /^[A-Za-z][\w.-]{0,63}$/.test(name) ? undefined : `"${name}" cannot name a rule kind`;
}
