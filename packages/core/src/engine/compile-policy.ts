import { parse } from "zod/mini";

import { suggest } from "../base/did-you-mean.ts";
import { ConfigError } from "../base/errors.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { AcceptedRule, PolicyRules } from "../load/rule-part.ts";
import { compileSelector } from "../policy/compile-selector.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { EscalationStep, RuleSpec } from "../policy/policy.ts";
import { HOW_TO_CEL } from "../rules/cel-condition.ts";
import { HOW_TO_SCAN } from "../rules/detectors.ts";
import { isBuiltInRule, type RuleRegistry } from "../rules/registry.ts";
import type { CompiledRule, CompileTools, RuleKind, RuleTiming } from "../rules/rule.ts";
import { checkOwnKind } from "./check-own-kind.ts";
import { checkLadder } from "./check-ladder.ts";
import { CompiledPolicy, type CompiledEntry, type LadderGroup } from "./compiled-policy.ts";
import { dutiesOf, type OwnedObligation } from "./owned-obligation.ts";

/** What compiling needs beside the policy; `tools` are completed per rule. */
export interface PolicyCompiler {
  readonly registry: RuleRegistry;
  /** Whether a full input can be stored, encrypted, for whoever approves it. */
  readonly canShowInput: boolean;
  readonly tools: Omit<CompileTools, "path" | "policyId" | "ruleId" | "fail" | "tools">;
}

const DEFAULT_TIMEOUT_MS = 1_000;

/** A policy that is to be compiled. */
export interface PolicyToCompile {
  /** A policy that `load/parse.ts` accepted. */
  readonly loaded: LoadedPolicy;
  /** What is declared about tools. */
  readonly traits: CompileTools["tools"];
  /** Its rules as they were checked; undefined when that is no longer at hand. */
  readonly rules?: PolicyRules | undefined;
}

/**
 * Compiles a checked policy to closures.
 * @param compiler The rule kinds and what they may use.
 * @throws ConfigError for what only the rule itself can see, such as a detector that no scanner offers.
 */
export function compilePolicy(
  { loaded, traits, rules }: PolicyToCompile,
  compiler: PolicyCompiler,
): CompiledPolicy {
  const { policy } = loaded;
  checkLadder(loaded, compiler);
  const entries: CompiledEntry[] = [];
  const compiled: CompiledPolicy & { isClosable: boolean } = new CompiledPolicy(
    loaded,
    compileSelector(policy.selector),
    entries,
  );
  const groups = policy.escalation === undefined ? NO_LADDERS : ladderGroupsOf(policy.escalation);
  for (const timing of ["blocking", "nonBlocking"] as const) {
    const specs = policy[timing] ?? NO_RULES;
    for (let position = 0; position < specs.length; position++) {
      const spec = specs[position]!;
      const accepted = rules?.[timing][position]?.accepted;
      const place = { policy: compiled, spec, accepted, timing, position, groups, traits };
      const entry = compileEntry(place, compiler);
      if (entry.rule.close !== undefined) compiled.isClosable = true;
      entries.push(entry);
    }
  }
  return compiled;
}

const NO_RULES: readonly RuleSpec[] = Object.freeze([]);
const NO_LADDERS: readonly LadderGroup[] = Object.freeze([]);

/** One for all rules that read nothing: a list of its own would have to be fetched to see that it is empty. */
const NO_READS: CompiledEntry["reads"] = Object.freeze([]);

const NO_OBLIGATIONS: CompiledEntry["obligations"] = Object.freeze([]);

interface EntryParts {
  readonly policy: CompiledPolicy;
  readonly spec: RuleSpec;
  readonly accepted: AcceptedRule | undefined;
  readonly timing: RuleTiming;
  readonly position: number;
  readonly groups: readonly LadderGroup[];
  readonly traits: CompileTools["tools"];
}

function compileEntry(parts: EntryParts, compiler: PolicyCompiler): CompiledEntry {
  const { policy, spec, accepted, timing, groups } = parts;
  const kind = accepted?.kind ?? kindOf(parts, compiler.registry);
  const ruleId = spec.id ?? spec.rule;
  const rule = accepted?.compiled ?? compileRule(kind, parts, compiler);
  const reads = rule.reads ?? NO_READS;
  const readsSession = reads.includes("session");
  const entry: Omit<CompiledEntry, "duties"> & { duties: readonly OwnedObligation[] } = {
    rule,
    check: rule.check,
    duties: [],
    isStateless: kind.isStateless && (rule.limits?.length ?? 0) === 0 && !readsSession,
    isBuiltIn: isBuiltInRule(kind),
    readsSession,
    reads,
    told: undefined,
    toldAlone: undefined,
    policy,
    ruleId,
    kind: kind.kind,
    timing,
    hookpoints: hookpointsOf(kind),
    obligations: rule.obligations ?? NO_OBLIGATIONS,
    timeoutMs: rule.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ladders:
      groups.length === 0
        ? NO_LADDERS
        : groups.filter(({ trigger }) => trigger === ruleId || trigger === kind.kind),
  };
  // A duty names its entry, so it can only be made after it.
  entry.duties = dutiesOf(entry, entry.obligations);
  return entry;
}

const knownHookpoints = new WeakMap<RuleKind, NonNullable<CompiledEntry["hookpoints"]>>();

const BEFORE: NonNullable<CompiledEntry["hookpoints"]> = { has: (hookpoint) => !isAfter(hookpoint) };

/** One set for all rules of a kind. */
function hookpointsOf(kind: RuleKind): CompiledEntry["hookpoints"] {
  if (kind.hookpoints.includes("*")) return undefined;
  if (kind.hookpoints.includes("before_*")) return BEFORE;
  let hookpoints = knownHookpoints.get(kind);
  if (hookpoints === undefined) {
    hookpoints = new Set<string>(kind.hookpoints);
    knownHookpoints.set(kind, hookpoints);
  }
  return hookpoints;
}

function compileRule(kind: RuleKind, parts: EntryParts, { tools: offered }: PolicyCompiler): CompiledRule {
  const tools = toolsFor(parts, offered);
  for (const need of kind.needs ?? []) {
    if (tools[need] === undefined) tools.fail("", `rule "${kind.kind}" needs a ${need}`, HOW_TO_WIRE[need]);
  }
  const rule = kind.compile(paramsOf(kind, parts), tools);
  if (!isBuiltInRule(kind)) checkOwnKind(kind, rule, tools);
  if (kind.isShared === true && parts.accepted !== undefined) parts.accepted.compiled = rule;
  return rule;
}

function paramsOf(kind: RuleKind, { accepted, spec }: EntryParts): unknown {
  if (accepted?.params !== undefined) return accepted.params;
  const { rule: _rule, id: _id, ...parameters } = spec;
  return parse(kind.params, parameters);
}

/** Member by member: one object for each of many thousand rules, and spreading takes several times as long. */
function toolsFor(parts: EntryParts, offered: PolicyCompiler["tools"]): CompileTools {
  const policyId = parts.policy.id;
  const path = pathOf(parts);
  return {
    path,
    policyId,
    ruleId: parts.spec.id ?? parts.spec.rule,
    scanner: offered.scanner,
    cel: offered.cel,
    prices: offered.prices,
    tokenizer: offered.tokenizer,
    clock: offered.clock,
    timers: offered.timers,
    hash: offered.hash,
    logger: offered.logger,
    fetch: offered.fetch,
    metrics: offered.metrics,
    createNotifier: offered.createNotifier,
    secret: offered.secret,
    hookpoints: offered.hookpoints,
    tools: parts.traits,
    fail(subPath, message, suggestion) {
      const where = subPath === "" ? path : `${path}.${subPath}`;
      throw new ConfigError(`policy ${policyId}`, [
        { path: where, message, ...(suggestion && { suggestion }) },
      ]);
    },
  };
}

const HOW_TO_WIRE = {
  scanner: HOW_TO_SCAN,
  fetch: "pass ports: { fetch } on a runtime without a global fetch",
  cel: HOW_TO_CEL,
} as const;

function pathOf({ policy, timing, position }: EntryParts): string {
  return `${policy.id}.${timing}[${position}]`;
}

function kindOf(parts: EntryParts, registry: RuleRegistry): RuleKind {
  const { spec } = parts;
  const kind = registry.get(spec.rule);
  if (kind !== undefined) return kind;
  throw new ConfigError("policy", [
    {
      path: `${pathOf(parts)}.rule`,
      message: `unknown rule "${spec.rule}"`,
      suggestion: suggest(spec.rule, registry.kinds),
    },
  ]);
}

function ladderGroupsOf(escalation: readonly EscalationStep[]): readonly LadderGroup[] {
  const groups = new Map<string, EscalationStep[]>();
  for (const step of escalation) groups.set(step.trigger, [...(groups.get(step.trigger) ?? []), step]);
  return [...groups].map(([trigger, steps]) => ({ trigger, steps }));
}
