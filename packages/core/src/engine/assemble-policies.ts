import { canonicalJson } from "../base/canonical-json.ts";
import { ConfigError } from "../base/errors.ts";
import { Pace, RULES_PER_STEP, type SlicedWork } from "../base/sliced-work.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { PolicySource } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { PolicyToCompile } from "./compile-policy.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { indexInSlices, type PolicyIndex } from "./policy-index.ts";
import { createTraitsTable, type TraitsTable } from "./traits-table.ts";

/** What one source contributes: replaced whole. */
export interface SourceSet {
  /** By id, in the order of the source. */
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly tools: Readonly<Record<string, ToolTraits>>;
  readonly defaultEffect: "allow" | "block" | undefined;
}

/** Every source by its name. */
export type Sources = ReadonlyMap<PolicySource, SourceSet>;

/** Everything in force at one moment; a change builds another and swaps one reference. */
export interface InForce {
  readonly revision: number;
  readonly index: PolicyIndex;
  readonly traits: TraitsTable;
  readonly defaultEffect: "allow" | "block";
}

/** Sources, and all that was made of them. */
export interface Assembly {
  readonly sources: Sources;
  readonly compiled: ReadonlyMap<LoadedPolicy, CompiledPolicy>;
  /** Those of them with rules to close. */
  readonly closable: ReadonlySet<CompiledPolicy>;
  /** Canonical JSON of what is declared about tools. */
  readonly toolsText: string;
  readonly inForce: InForce;
}

/** What was compiled on the way to an assembly that is not in force yet; kept over attempts. */
export interface Draft {
  /** The attempt before, which another source's change has outdated. */
  latest: Pick<Assembly, "compiled" | "toolsText"> | undefined;
  /** Everything that was compiled and has rules to close. */
  readonly closable: CompiledPolicy[];
}

/** What assembling needs beside the sources. */
export interface AssemblyDeps {
  /** Whose compiled policies are used again. */
  readonly before: Assembly | undefined;
  readonly draft: Draft;
  /** What applies when no source names a default effect. */
  readonly fallbackEffect: "allow" | "block";
  readonly compile: (policy: Omit<PolicyToCompile, "rules">) => CompiledPolicy;
}

/**
 * Compiles and files the policies of all sources, one per step. The same content is the same closures, so a reload
 * keeps what is compiled.
 * @throws ConfigError for an id in two sources, and for what only a rule itself can see.
 */
export function* assembleInSlices(sources: Sources, deps: AssemblyDeps): SlicedWork<Assembly> {
  const { before, draft, compile } = deps;
  yield* refuseDoubles(sources);
  const traits = mergedTools(sources);
  const toolsText = canonicalJson(traits);
  // Closures may hold what is declared about tools: a change there outdates what was made.
  const reusable = toolsText === before?.toolsText ? before.compiled : undefined;
  const drafted = toolsText === draft.latest?.toolsText ? draft.latest.compiled : undefined;
  const compiled = new Map<LoadedPolicy, CompiledPolicy>();
  draft.latest = { compiled, toolsText };
  const closable = new Set<CompiledPolicy>();
  const pace = new Pace(RULES_PER_STEP);
  let keptCount = 0;
  for (const { policies } of sources.values()) {
    for (const loaded of policies.values()) {
      let policy = reusable?.get(loaded);
      if (policy !== undefined) keptCount++;
      policy ??= drafted?.get(loaded);
      if (policy === undefined) {
        policy = compile({ loaded, traits });
        if (policy.isClosable) draft.closable.push(policy);
      }
      compiled.set(loaded, policy);
      if (policy.isClosable) closable.add(policy);
      if (pace.isDue(1 + policy.entries.length)) yield;
    }
  }
  const sets = [...sources.values()];
  // The very policies in force are filed already, and which of them concern whom is known of many.
  const isFiled = keptCount === compiled.size && keptCount === reusable?.size;
  const inForce: InForce = {
    revision: before === undefined ? 0 : before.inForce.revision + 1,
    index:
      isFiled && before !== undefined ? before.inForce.index : yield* indexInSlices([...compiled.values()]),
    traits: createTraitsTable(sets.map(({ tools }) => tools)),
    defaultEffect: joinedEffect([...sets.map(({ defaultEffect }) => defaultEffect), deps.fallbackEffect]),
  };
  return { sources, compiled, closable, toolsText, inForce };
}

/** Neither a source nor the options can loosen each other: one that says block is enough. */
function joinedEffect(effects: readonly SourceSet["defaultEffect"][]): "allow" | "block" {
  return effects.includes("block") ? "block" : "allow";
}

/** What all sources declare about tools. */
export function mergedTools(sources: Sources): SourceSet["tools"] {
  return Object.assign({}, ...[...sources.values()].map(({ tools }) => tools)) as SourceSet["tools"];
}

function* refuseDoubles(sources: Sources): SlicedWork<void> {
  const all = [...sources].filter(([, { policies }]) => policies.size > 0);
  const pace = new Pace(IDS_PER_STEP);
  for (const [position, [source, { policies }]] of all.entries()) {
    const earlier = all.slice(0, position);
    // One more map of all ids would be built anew in one long step whenever it doubles.
    if (earlier.length === 0) continue;
    for (const id of policies.keys()) {
      const owner = earlier.find(([, other]) => other.policies.has(id));
      if (owner !== undefined) throw doubled(id, owner[0], source);
      if (pace.isDue(earlier.length)) yield;
    }
  }
}

const IDS_PER_STEP = 64;

function doubled(id: string, owner: PolicySource, source: PolicySource): ConfigError {
  return new ConfigError(source, [
    {
      path: "policies",
      message: `policy id "${id}" stands in ${owner} and in ${source}`,
      suggestion: "give each policy its own id",
    },
  ]);
}
