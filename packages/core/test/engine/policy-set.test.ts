import { expect, test } from "vitest";

import { drain } from "../../src/base/sliced-work.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { CompiledPolicy } from "../../src/engine/compiled-policy.ts";
import { createPolicySet } from "../../src/engine/policy-set.ts";
import { compileSelector } from "../../src/policy/compile-selector.ts";
import type { LoadedPolicy } from "../../src/policy/loaded-policy.ts";
import type { ToolTraits } from "../../src/policy/traits.ts";

const loadedOf = (id: string): LoadedPolicy => ({ policy: { id }, source: "server", contentHash: id });

test("the index is kept exactly as long as the policies and what is declared about tools are the same", () => {
  const set = createPolicySet(
    ({ loaded }) => new CompiledPolicy(loaded, compileSelector(undefined), []),
    "allow",
    createPorts().logger,
  );
  const [a, b] = [loadedOf("a"), loadedOf("b")];
  const replaced = (policies: readonly LoadedPolicy[], tools: Record<string, ToolTraits> = {}): unknown => {
    const byId = new Map(policies.map((loaded) => [loaded.policy.id, loaded]));
    const { revision } = set.current;
    const next = { policies: byId, tools, defaultEffect: undefined };
    drain(drain(set.replace("server", next, new Map())));
    expect(set.current.revision).toBe(revision + 1);
    expect(set.current.index.policies.map(({ loaded }) => loaded)).toStrictEqual(policies);
    return set.current.index;
  };
  const index = replaced([a, b]);
  expect(replaced([a, b])).toBe(index);
  const fewer = replaced([a]);
  expect(fewer).not.toBe(index);
  const other = replaced([loadedOf("a")]);
  expect(other).not.toBe(fewer);
  expect(replaced([...set.loaded()], { search: { access: "read" } })).not.toBe(other);
});
