import { suggest } from "../base/did-you-mean.ts";
import { ConfigError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import { compileSelector, type CompiledSelector } from "../policy/compile-selector.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { EscalationStep, Policy, RuleSpec } from "../policy/policy.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { CompiledRule, CompileTools, RuleKind, RuleTiming } from "../rules/rule.ts";
import type { CompiledEntry, CompiledPolicy, LadderGroup } from "./compiled-policy.ts";
import { dutiesOf, type OwnedObligation } from "./owned-obligation.ts";

/** What compiling needs beside the policy; `tools` are completed per rule. */
export interface PolicyCompiler {
  readonly registry: RuleRegistry;
  readonly builtInKinds: ReadonlySet<string>;
  readonly tools: Omit<CompileTools, "path" | "policyId" | "ruleId" | "fail" | "tools">;
}

const DEFAULT_TIMEOUT_MS = 1_000;

/**
 * Compiles a checked policy to closures.
 * @param loaded A policy that `load/parse.ts` accepted.
 * @param traits What is declared about tools.
 * @param compiler The rule kinds and what they may use.
 * @throws ConfigError for what only the rule itself can see, such as a detector that no scanner offers.
 */
export function compilePolicy(
  loaded: LoadedPolicy,
  traits: CompileTools["tools"],
  compiler: PolicyCompiler,
): CompiledPolicy {
  const { policy } = loaded;
  const selector = compileSelector(policy.selector);
  const entries: CompiledEntry[] = [];
  const compiled: CompiledPolicy = {
    loaded,
    id: policy.id,
    version: loaded.contentHash,
    priority: policy.priority ?? 0,
    isShadow: policy.mode === "shadow",
    onError: policy.onError ?? "block",
    selector,
    entries,
    matchesDynamic: dynamicTestOf(selector),
  };
  const groups = ladderGroupsOf(policy);
  for (const timing of ["blocking", "nonBlocking"] as const) {
    for (const [position, spec] of (policy[timing] ?? []).entries()) {
      const path = `${policy.id}.${timing}[${position}]`;
      entries.push(compileEntry({ policy: compiled, spec, timing, path, groups, traits }, compiler));
    }
  }
  return compiled;
}

interface EntryParts {
  readonly policy: CompiledPolicy;
  readonly spec: RuleSpec;
  readonly timing: RuleTiming;
  readonly path: string;
  readonly groups: readonly LadderGroup[];
  readonly traits: CompileTools["tools"];
}

function compileEntry(parts: EntryParts, compiler: PolicyCompiler): CompiledEntry {
  const { policy, spec, timing, path, groups, traits } = parts;
  const kind = kindOf(spec, path, compiler.registry);
  const ruleId = spec.id ?? spec.rule;
  const rule = compileRule(kind, { spec, path, policyId: policy.id, ruleId, traits }, compiler);
  const entry: Omit<CompiledEntry, "duties"> & { duties: readonly OwnedObligation[] } = {
    policy,
    ruleId,
    kind: kind.kind,
    timing,
    hookpoints: kind.hookpoints.includes("*") ? undefined : new Set<string>(kind.hookpoints),
    rule,
    obligations: rule.obligations ?? [],
    duties: [],
    reads: rule.reads ?? [],
    readsSession: (rule.reads ?? []).includes("session"),
    timeoutMs: rule.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    isStateless:
      kind.isStateless && (rule.limits ?? []).length === 0 && !(rule.reads ?? []).includes("session"),
    isBuiltIn: compiler.builtInKinds.has(kind.kind),
    ladders: groups.filter(({ trigger }) => trigger === ruleId || trigger === kind.kind),
  };
  // A duty names its entry, so it can only be made after it.
  entry.duties = dutiesOf(entry, entry.obligations);
  return entry;
}

function compileRule(
  kind: RuleKind,
  at: { spec: RuleSpec; path: string; policyId: string; ruleId: string; traits: CompileTools["tools"] },
  compiler: PolicyCompiler,
): CompiledRule {
  const { rule: _rule, id: _id, ...parameters } = at.spec;
  const fail = (subPath: string, message: string, suggestion?: string): never => {
    const path = subPath === "" ? at.path : `${at.path}.${subPath}`;
    throw new ConfigError(`policy ${at.policyId}`, [{ path, message, ...(suggestion && { suggestion }) }]);
  };
  const tools: CompileTools = {
    ...compiler.tools,
    tools: at.traits,
    path: at.path,
    policyId: at.policyId,
    ruleId: at.ruleId,
    fail,
  };
  for (const need of kind.needs ?? []) {
    if (tools[need] === undefined) fail("", `rule "${kind.kind}" needs a ${need}`, HOW_TO_WIRE[need]);
  }
  return kind.compile(kind.params.parse(parameters), tools);
}

const HOW_TO_WIRE = {
  scanner: "pass createAgentPlane({ scanner: createScanner() }) from @agentplane/safety",
  fetch: "pass ports: { fetch } on a runtime without a global fetch",
  cel: "pass createAgentPlane({ cel: createCel() }) from @agentplane/core/cel",
} as const;

function kindOf(spec: RuleSpec, path: string, registry: RuleRegistry): RuleKind {
  const kind = registry.get(spec.rule);
  if (kind !== undefined) return kind;
  throw new ConfigError("policy", [
    {
      path: `${path}.rule`,
      message: `unknown rule "${spec.rule}"`,
      suggestion: suggest(spec.rule, registry.kinds),
    },
  ]);
}

function ladderGroupsOf(policy: Policy): readonly LadderGroup[] {
  const groups = new Map<string, EscalationStep[]>();
  for (const step of policy.escalation ?? [])
    groups.set(step.trigger, [...(groups.get(step.trigger) ?? []), step]);
  return [...groups].map(([trigger, steps]) => ({ trigger, steps }));
}

function dynamicTestOf({ users, tags }: CompiledSelector): CompiledPolicy["matchesDynamic"] {
  if (users === undefined && tags === undefined) return undefined;
  return (context: PolicyContext) =>
    (users === undefined || users.matches(context.user)) && (tags === undefined || tags(context.tags));
}
