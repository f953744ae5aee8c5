import { describe, expect, test } from "vitest";
import * as z from "zod";

import { parsePolicy } from "../../src/load/parse.ts";
import { issuesOf, load, options, rate, step, withPolicy } from "./documents.ts";
import { FAKE_KINDS, registryOf } from "./fake-kinds.ts";

describe("a good document", () => {
  const document = withPolicy(
    {
      selector: {
        agents: ["billing-*", "!billing-2"],
        hookpoints: ["before_*", "checkout"],
        tags: { env: "prod" },
      },
      priority: -5,
      blocking: [rate, { ...rate, id: "slow", window: { calendar: "day", timeZone: "UTC" } }].map((r, i) => ({
        ...r,
        id: `r${i}`,
      })),
      nonBlocking: [{ rule: "audit" }],
      escalation: [
        { ...step, trigger: "r0", action: { hitl: { approvers: 2, by: "operator" } } },
        {
          ...step,
          trigger: "r0",
          after: 2,
          action: {
            degrade: {
              mode: "RATE_THROTTLE",
              perMinute: 2,
              recover: { when: { headroom: { rule: "r0", atLeast: 0.2 } } },
            },
          },
        },
        { ...step, trigger: "r0", after: 3, action: { block: { for: "1h" } } },
      ],
    },
    { tools: { sql_run: { access: "write", api: { method: "GET", url: "$.url" } } }, defaultEffect: "block" },
  );

  test("is read as written", () => {
    const { policies, tools, defaultEffect } = load(document);
    expect({ apiVersion: "agentplane/v1", policies, tools, defaultEffect }).toEqual(document);
  });

  test("becomes frozen copies that later changes of the original do not reach", () => {
    const mine = { id: "p", blocking: [{ ...rate }] };
    const policy = parsePolicy(mine, "", options);
    mine.blocking[0]!.limit = 99;
    expect(policy.blocking?.[0]).toEqual(rate);
    expect(Object.isFrozen(policy.blocking?.[0])).toBe(true);
  });

  test("leaves the default effect open where the document does", () => {
    expect(load(withPolicy({})).defaultEffect).toBeUndefined();
  });
});

describe("several errors and hostile kinds", () => {
  test("two policies with one id", () => {
    const document = { apiVersion: "agentplane/v1", policies: [{ id: "a" }, { id: "b" }, { id: "a" }] };
    expect(issuesOf(document)).toEqual([
      'policies[2].id: "a" is already the id of policies[0] — give each policy its own id',
    ]);
  });

  test("everything wrong at once is reported at once", () => {
    const document = withPolicy({ mode: "x", blocking: [{ ...rate, limit: -1 }, { rule: "nope" }] });
    expect(issuesOf(document)).toHaveLength(3);
  });

  test("beyond a hundred issues the rest is counted", () => {
    const policies = Array.from({ length: 300 }, (_, i) => ({ id: `p${i}`, nope: 1 }));
    const issues = issuesOf({ apiVersion: "agentplane/v1", policies });
    expect(issues).toHaveLength(101);
    expect(issues.at(-1)).toContain("and 200 more errors");
  });

  test("the message of the error lists the source and each issue", () => {
    expect(() => load(withPolicy({ mode: "x" }))).toThrow(
      /^file:policy\.yaml: 1 configuration error\n {2}policies\[0\]\.mode: must be/,
    );
  });

  test("a policy given in code is reported under the path it was given with", () => {
    expect(() => parsePolicy({ id: "p", nope: 1 }, "policies[7]", options)).toThrow(/policies\[7\]\.nope/);
  });

  test("a kind whose schema throws or waits is a refusal, not a crash", () => {
    const [kind] = FAKE_KINDS;
    const throwing = {
      ...kind!,
      params: z.unknown().refine(() => {
        throw new Error("secret value");
      }),
    };
    const registry = registryOf([throwing]);
    const parse = (): unknown => parsePolicy({ id: "p", blocking: [rate] }, "", { ...options, registry });
    expect(parse).toThrow(/blocking\[0\]: the parameter schema of "rate" could not be applied/);
    expect(parse).not.toThrow(/secret value/);
  });
});
