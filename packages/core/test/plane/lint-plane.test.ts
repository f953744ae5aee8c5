import { expect, test } from "vitest";

import { lintPlane } from "../../src/load/lint-plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench } from "./bench.ts";

const ASKING = blocking("ask", [rule.condition({ where: { tool: "send_mail" }, then: "escalate" })]);
const ZERO = {
  apiVersion: "agentplane/v1" as const,
  policies: [blocking("cap", [rule.rate({ limit: 0, window: "1m" })])],
};

test("looks at the policies of every source, and at what is wired to the plane", () => {
  const { plane } = createBench({ policies: [ASKING] });
  plane.engine.replaceAll("server", ZERO);
  const codes = lintPlane(plane).map(({ policyId, code }) => `${policyId} ${code}`);
  expect(codes).toStrictEqual(["ask approval_unresolvable", "cap limit_zero"]);
});

test("asks for no resolver where there is one, and looks no more at what has gone", () => {
  const { plane } = createBench({ policies: [ASKING], approvals: { resolver: "external" } });
  plane.engine.replaceAll("server", ZERO);
  plane.engine.replaceAll("server", { ...ZERO, policies: [] });
  expect(lintPlane(plane)).toStrictEqual([]);
});

test("says what it needs instead of a plane", () => {
  expect(() => lintPlane(undefined as never)).toThrow(
    "lintPlane: plane must be an object such as createAgentPlane()",
  );
});
