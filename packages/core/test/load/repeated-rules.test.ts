import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";

import { ConfigError } from "../../src/base/errors.ts";
import { drain } from "../../src/base/sliced-work.ts";
import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { parseInSlices, parsePolicies } from "../../src/load/parse.ts";
import { BUILT_IN_RULES, createRegistry } from "../../src/rules/registry.ts";
import { RULE_REFERENCE } from "../../src/rules/rule-reference.ts";
import { defineRule, type RuleTiming } from "../../src/rules/rule.ts";

const options = { source: "code", registry: createRegistry(), hookpoints: HOOKPOINTS };
const odd = [undefined, null, 0, -1, 1.5, "", "1h", "!", [], ["a"], {}, { a: 1 }, true];

/** A kind with its example, one member of which may be something else. */
const anyRule = fc
  .tuple(fc.constantFrom(...BUILT_IN_RULES), fc.nat(), fc.constantFrom(...odd), fc.boolean())
  .map(([kind, at, value, isChanged]) => {
    const params: Record<string, unknown> = { ...RULE_REFERENCE[kind.kind].example };
    const name = [...Object.keys(params), "more"][at % (Object.keys(params).length + 1)]!;
    if (isChanged && value === undefined) delete params[name];
    else if (isChanged) params[name] = value;
    return { kind, params };
  });

function paramsOf(document: unknown, timing: RuleTiming): unknown {
  try {
    const { policies } = drain(parseInSlices(document, options));
    return policies.map(({ rules }) => rules?.[timing][0]?.accepted?.params);
  } catch (error) {
    if (error instanceof ConfigError) return "refused";
    throw error;
  }
}

test("a rule is accepted exactly if its schema accepts it, with the same parameters, also when it repeats", () => {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(anyRule, fc.integer({ min: 1, max: 3 }), ({ kind, params }, times) => {
      const direct = z.safeParse<z.core.$ZodType>(kind.params, params);
      const policies = Array.from({ length: times }, (_, at) => ({
        id: `p${at}`,
        [kind.timing]: [{ rule: kind.kind, ...params }],
      }));
      const document = { apiVersion: "agentplane/v1", policies };
      seen[direct.success ? "accepted" : "refused"]++;
      const found = paramsOf(document, kind.timing);
      expect(found).toEqual(direct.success ? policies.map(() => direct.data) : "refused");
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100);
});

test("a rule that is wrong is reported at each of its places", () => {
  const wrong = { rule: "rate", limit: -1, window: "1h" };
  const policies = [
    { id: "a", blocking: [wrong] },
    { id: "b", blocking: [{ rule: "requireTenant" }, wrong] },
  ];
  const issues = (): unknown => parsePolicies({ apiVersion: "agentplane/v1", policies }, options);
  expect(issues).toThrow(/policies\[0\]\.blocking\[0\]\.limit.*\n.*policies\[1\]\.blocking\[1\]\.limit/);
});

test("a rule in the wrong list is reported where it is wrong, though it is right elsewhere", () => {
  const rate = { rule: "rate", limit: 1, window: "1h" };
  const policies = [
    { id: "a", blocking: [rate] },
    { id: "b", nonBlocking: [rate] },
  ];
  expect(() => parsePolicies({ apiVersion: "agentplane/v1", policies }, options)).toThrow(
    /1 configuration error\n.*policies\[1\]\.nonBlocking\[0\]\.rule/,
  );
});

test("each rule of a custom kind gets parameters of its own, which it may change", () => {
  const given: object[] = [];
  const mine = defineRule({
    kind: "mine",
    summary: "Keeps what it is given.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({ list: z.array(z.string()) }),
    example: { list: [] },
    isStateless: true,
    compile: (params) => {
      params.list.push("mine");
      given.push(params);
      return {};
    },
  });
  const registry = createRegistry([mine]);
  const document = {
    apiVersion: "agentplane/v1",
    policies: [
      { id: "a", blocking: [{ rule: "mine", list: ["x"] }] },
      { id: "b", blocking: [{ rule: "mine", list: ["x"] }] },
    ],
  };
  const { policies } = drain(parseInSlices(document, { ...options, registry }));
  expect(policies.map(({ rules }) => rules?.blocking[0]?.accepted?.params)).toEqual([undefined, undefined]);
});
