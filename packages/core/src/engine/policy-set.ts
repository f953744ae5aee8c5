import { canonicalJson } from "../base/canonical-json.ts";
import { ConfigError } from "../base/errors.ts";
import type { Logger } from "../base/ports.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { PolicySource } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";
import { createPolicyIndex, type PolicyIndex } from "./policy-index.ts";
import { createTraitsTable, type TraitsTable } from "./traits-table.ts";

/** What one source contributes: replaced whole. */
export interface SourceSet {
  readonly policies: readonly LoadedPolicy[];
  readonly tools: Readonly<Record<string, ToolTraits>>;
  readonly defaultEffect: "allow" | "block" | undefined;
}

/** Everything in force at one moment; a change builds another and swaps one reference. */
export interface InForce {
  readonly revision: number;
  readonly index: PolicyIndex;
  readonly traits: TraitsTable;
  readonly defaultEffect: "allow" | "block";
}

/** The policies in force, by source. */
export interface PolicySet {
  readonly current: InForce;
  /** @throws ConfigError; then the earlier set stays in force. */
  replace(source: PolicySource, set: SourceSet): void;
  sourceSet(source: PolicySource): SourceSet;
  loaded(): readonly LoadedPolicy[];
  /** What all sources declare about tools. */
  tools(): SourceSet["tools"];
}

const EMPTY: SourceSet = Object.freeze({ policies: [], tools: {}, defaultEffect: undefined });

/**
 * Creates the set of policies in force.
 * @param compile Compiles one policy; unchanged policies of a source are not compiled again.
 * @param fallbackEffect The default effect when no source names one.
 * @param logger Hears of a retired rule that cannot be closed: the new set is in force all the same.
 */
export function createPolicySet(
  compile: (loaded: LoadedPolicy, tools: SourceSet["tools"]) => CompiledPolicy,
  fallbackEffect: "allow" | "block",
  logger: Logger,
): PolicySet {
  const sources = new Map<PolicySource, SourceSet>();
  let compiled = new Map<string, CompiledPolicy>();
  let toolsInForce = canonicalJson({});
  let current: InForce = build(0, [], [], fallbackEffect);

  const close = ({ rule, ruleId, policy }: CompiledEntry): void => {
    try {
      rule.close?.();
    } catch (error) {
      const text = error instanceof Error ? error.message : "unknown";
      logger.error("a retired rule could not be closed", { policyId: policy.id, ruleId, error: text });
    }
  };

  return {
    get current() {
      return current;
    },
    replace(source, set) {
      const next = new Map(sources).set(source, set);
      const loaded = [...next.values()].flatMap(({ policies }) => policies);
      refuseDoubles(loaded);
      const tools = mergedTools(next.values());
      // Closures may hold what is declared about tools: a change there compiles everything anew.
      const toolsText = canonicalJson(tools);
      const reusable = toolsText === toolsInForce ? compiled : new Map<string, CompiledPolicy>();
      const recompiled = new Map<string, CompiledPolicy>();
      for (const policy of loaded) {
        // Content-addressed: the same content is the same closures, so a reload keeps what is compiled.
        const key = `${policy.source}\n${policy.policy.id}\n${policy.contentHash}`;
        recompiled.set(key, reusable.get(key) ?? compile(policy, tools));
      }
      const built = build(current.revision + 1, [...recompiled.values()], [...next.values()], fallbackEffect);
      const retired = [...compiled].filter(([key, policy]) => recompiled.get(key) !== policy);
      sources.set(source, set);
      compiled = recompiled;
      toolsInForce = toolsText;
      current = built;
      for (const [, policy] of retired) for (const entry of policy.entries) close(entry);
    },
    sourceSet: (source) => sources.get(source) ?? EMPTY,
    tools: () => mergedTools(sources.values()),
    loaded: () => [...sources.values()].flatMap(({ policies }) => policies),
  };
}

function build(
  revision: number,
  policies: readonly CompiledPolicy[],
  sets: readonly SourceSet[],
  fallbackEffect: "allow" | "block",
): InForce {
  const effects = sets.map(({ defaultEffect }) => defaultEffect).filter((effect) => effect !== undefined);
  return {
    revision,
    index: createPolicyIndex(policies),
    traits: createTraitsTable(sets.map(({ tools }) => tools)),
    // Neither a source nor the options can loosen each other: one that says block is enough.
    defaultEffect: fallbackEffect === "block" || effects.includes("block") ? "block" : "allow",
  };
}

function mergedTools(sets: Iterable<SourceSet>): SourceSet["tools"] {
  return Object.assign({}, ...[...sets].map(({ tools }) => tools)) as SourceSet["tools"];
}

function refuseDoubles(loaded: readonly LoadedPolicy[]): void {
  const owners = new Map<string, PolicySource>();
  for (const { policy, source } of loaded) {
    const owner = owners.get(policy.id);
    if (owner !== undefined) {
      const where = owner === source ? `twice in ${source}` : `in ${owner} and in ${source}`;
      throw new ConfigError(source, [
        {
          path: "policies",
          message: `policy id "${policy.id}" stands ${where}`,
          suggestion: "give each policy its own id",
        },
      ]);
    }
    owners.set(policy.id, source);
  }
}
