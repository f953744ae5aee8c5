import type { Logger } from "../base/ports.ts";
import { drain, type SlicedWork } from "../base/sliced-work.ts";
import type { CheckedPolicies } from "../load/parse.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { PolicySource } from "../policy/policy.ts";
import {
  assembleInSlices,
  mergedTools,
  type AssemblyDeps,
  type Draft,
  type InForce,
  type SourceSet,
} from "./assemble-policies.ts";
import type { PolicyToCompile } from "./compile-policy.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { closeRetired } from "./retired-rules.ts";

/** What checking made of policies by their ids, as far as they were checked now. */
export type CheckedRules = CheckedPolicies["byId"];

/** The policies in force, by source. */
export interface PolicySet {
  readonly current: InForce;
  /**
   * Compiles and files what a source contributes from now on, and swaps it in with the last step: all or nothing.
   * @param rules Of policies that were checked just now.
   * @returns What is left to do when it is in force: closing the rules that were retired.
   * @throws ConfigError; then the earlier set stays in force.
   */
  replace(source: PolicySource, set: SourceSet, rules: CheckedRules): SlicedWork<SlicedWork<void>>;
  sourceSet(source: PolicySource): SourceSet;
  loaded(): readonly LoadedPolicy[];
  /** What all sources declare about tools. */
  tools(): SourceSet["tools"];
}

const EMPTY: SourceSet = Object.freeze({ policies: new Map(), tools: {}, defaultEffect: undefined });

/** Where other sources change all the time, the last attempt is made at once: it would never end. */
const MAX_ATTEMPTS = 3;

/**
 * Creates the set of policies in force.
 * @param compile Compiles one policy; unchanged policies of a source are not compiled again.
 * @param fallbackEffect The default effect when no source names one.
 * @param logger Hears of a retired rule that cannot be closed: the new set is in force all the same.
 */
export function createPolicySet(
  compile: (policy: PolicyToCompile) => CompiledPolicy,
  fallbackEffect: "allow" | "block",
  logger: Logger,
): PolicySet {
  const depsOf = (
    draft: Draft,
    rules?: CheckedRules,
  ): Pick<AssemblyDeps, "draft" | "fallbackEffect" | "compile"> => ({
    draft,
    fallbackEffect,
    compile: ({ loaded, traits }) => {
      const checked = rules?.get(loaded.policy.id);
      // Another source's policy is none that was checked now, whatever its id.
      return compile({
        loaded,
        traits,
        rules: checked?.policy === loaded.policy ? checked.rules : undefined,
      });
    },
  });
  let state = drain(assembleInSlices(new Map(), { ...depsOf(newDraft()), before: undefined }));
  return {
    get current() {
      return state.inForce;
    },
    *replace(source, set, rules) {
      const draft = newDraft();
      let isInForce = false;
      try {
        for (let attempt = 1; ; attempt++) {
          const before = state;
          const sources = new Map(before.sources).set(source, set);
          const work = assembleInSlices(sources, { ...depsOf(draft, rules), before });
          const next = attempt < MAX_ATTEMPTS ? yield* work : drain(work);
          // Another source has changed meanwhile: this is to be added to what is in force now.
          if (state !== before) continue;
          state = next;
          isInForce = true;
          return closeRetired([...before.closable, ...draft.closable], next.closable, logger);
        }
      } finally {
        // Refused or dropped: what was compiled for it will never be in force.
        if (!isInForce) drain(closeRetired(draft.closable, new Set(), logger));
      }
    },
    sourceSet: (source) => state.sources.get(source) ?? EMPTY,
    tools: () => mergedTools(state.sources),
    loaded: () => [...state.sources.values()].flatMap(({ policies }) => [...policies.values()]),
  };
}

function newDraft(): Draft {
  return { latest: undefined, closable: [] };
}
