import { expect, test } from "vitest";

import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { lint } from "../../src/load/lint.ts";
import type { RuleSpec } from "../../src/policy/policy.ts";
import { createRegistry } from "../../src/rules/registry.ts";

const options = { registry: createRegistry(), tools: {}, hookpoints: HOOKPOINTS, hasResolver: true };

/** Which of two limits of one policy are never reached, by position. */
function unreached(...blocking: readonly RuleSpec[]): readonly string[] {
  return lint([{ id: "p", blocking }], options).flatMap(({ code, path }) =>
    code === "limit_never_reached" ? [path] : [],
  );
}

const tight = { rule: "rate", id: "tight", limit: 10, window: "1h", per: "tenant" };
const loose = { ...tight, id: "loose", limit: 100 };

test("a looser limit of the same kind, window and subject is never reached, in whatever order and however it answers", () => {
  expect(unreached(tight, loose)).toStrictEqual(["blocking[1]"]);
  expect(unreached(loose, tight)).toStrictEqual(["blocking[0]"]);
  expect(unreached(tight, { ...loose, onBreach: "escalate" })).toStrictEqual(["blocking[1]"]);
  expect(unreached({ ...tight, per: "agent" }, { ...loose, per: undefined })).toStrictEqual(["blocking[1]"]);
});

test("so are looser budgets, by either name of their number", () => {
  const tokens = { rule: "tokenBudget", window: { calendar: "day", timeZone: "UTC" } };
  expect(unreached({ ...tokens, id: "a", maxTokens: 10 }, { ...tokens, id: "b", limit: 11 })).toStrictEqual([
    "blocking[1]",
  ]);
  const usd = { rule: "costBudget", window: "1h" };
  expect(unreached({ ...usd, id: "a", maxUsd: 0.5 }, { ...usd, id: "b", maxUsd: 1 })).toStrictEqual([
    "blocking[1]",
  ]);
});

test("what may yet be reached first is not reported", () => {
  // The tighter one lets calls go on.
  expect(unreached({ ...tight, onBreach: "escalate" }, loose)).toStrictEqual([]);
  expect(unreached(tight, { ...loose, window: "1d" })).toStrictEqual([]);
  expect(unreached(tight, { ...loose, per: "agent" })).toStrictEqual([]);
  expect(unreached(tight, { ...loose, limit: 10 })).toStrictEqual([]);
  // Each counts by an estimate of its own.
  const tokens = { rule: "tokenBudget", window: "1h" };
  const small = { ...tokens, id: "a", maxTokens: 10, maxOutput: 5 };
  expect(unreached(small, { ...tokens, id: "b", maxTokens: 20, maxOutput: 50 })).toStrictEqual([]);
  expect(unreached({ ...tight, rule: "loop", maxIterations: 3 }, loose)).toStrictEqual([]);
  // One great call exceeds both, and then the looser one climbs.
  const escalation = [
    { trigger: "loose", after: 1, within: "1h", action: { block: { for: "1h", reason: "spent" } } },
  ];
  expect(lint([{ id: "p", blocking: [tight, loose], escalation }], options)).toStrictEqual([]);
});
