import { expect, test } from "vitest";
import { z } from "zod";

import { BUILT_IN_RULES, createRegistry } from "../../src/rules/registry.ts";
import { defineRule } from "../../src/rules/rule.ts";

const mine = defineRule({
  kind: "weekendOnly",
  summary: "Blocks on weekdays.",
  timing: "blocking",
  hookpoints: ["*"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({}),
});

test("finds built-in kinds and the user's own by name", () => {
  const registry = createRegistry([mine]);
  expect(registry.get("weekendOnly")).toBe(mine);
  expect(registry.get("rate")?.kind).toBe("rate");
  expect(registry.get("toString")).toBeUndefined();
  expect(registry.kinds).toHaveLength(BUILT_IN_RULES.length + 1);
});

test("refuses to replace a kind, to take one twice, and a name that is none", () => {
  expect(() => createRegistry([{ ...mine, kind: "rate" }])).toThrow(
    /rules\[0\]\.kind: rule kind "rate" exists already/,
  );
  expect(() => createRegistry([mine, mine])).toThrow(/rules\[1\]\.kind/);
  expect(() => createRegistry([{ ...mine, kind: "a b" }])).toThrow(/cannot name a rule kind/);
});
