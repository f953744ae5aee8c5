import { createScanner, WHOLE_TEXT } from "@agentplane/safety";
import { expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { redact as redactContent } from "../../src/context/redact.ts";
import type { RedactObligation } from "../../src/decision/obligation.ts";
import { redact } from "../../src/rules/redact.ts";
import { compileRule, problemsOf, wordDetector } from "./compile-rule.ts";

function dutyOf(params: object): RedactObligation {
  const [duty] = compileRule(redact, params).obligations ?? [];
  if (duty?.kind !== "redact") throw new Error("no redaction was declared");
  return duty;
}

function applied(params: object, value: JsonValue): JsonValue {
  const { hash } = createPorts();
  return redactContent(value, [dutyOf(params)], { scanner: createScanner(), hash, channel: "tool_result" });
}

test("redact_redacts", () => {
  const row = {
    name: "Ada",
    ssn: "078-05-1120",
    notes: ["write to ada@example.com"],
    deep: { api_key: "k" },
  };
  const text = JSON.stringify(applied({ fields: ["ssn", "api_key"], detect: ["email"] }, row));
  expect(text).toContain("Ada");
  for (const secret of ["078-05-1120", "ada@example.com", '"k"']) expect(text).not.toContain(secret);
});

test("audit_is_redacted_by_default, and inputs are changed only where the policy says so", () => {
  expect(dutyOf({ fields: ["ssn"] }).from).toStrictEqual(["result", "response", "audit"]);
  expect(dutyOf({ fields: ["ssn"], from: ["input"] }).from).toStrictEqual(["input"]);
});

test("never has an opinion on the call itself", () => {
  expect(compileRule(redact, { fields: ["ssn"] }).check).toBeUndefined();
});

test("stands for a whole family of detectors by its name", () => {
  const { detect } = dutyOf({ detect: ["pii"] });
  expect(detect).toContain("email");
  expect(detect).not.toContain("injection");
});

test("refuses a detector that the scanner does not have, and a missing scanner, by name", () => {
  expect(() => compileRule(redact, { detect: ["emial"] })).toThrow(
    /detect\[0\]: "emial" is not a detector.*email/,
  );
  expect(() => compileRule(redact, { detect: ["email"] }, { scanner: undefined })).toThrow(/needs a scanner/);
  expect(() => compileRule(redact, { fields: ["ssn"] }, { scanner: undefined })).not.toThrow();
});

test("refuses to redact nothing, unknown surfaces and exclusions", () => {
  expect(problemsOf(redact, {})).toStrictEqual([": redacts nothing"]);
  expect(problemsOf(redact, { fields: ["ssn"], from: ["everywhere"] })).toHaveLength(1);
  expect(problemsOf(redact, { fields: ["!ssn"] })).toStrictEqual(["fields: takes no exclusions"]);
});

test.for(["$.customer.ssn", "customer.ssn", "*.ssn", "rows[0]"])(
  "refuses the path %s, which would name no member",
  (field) => {
    expect(problemsOf(redact, { fields: ["name", field] })).toStrictEqual(["fields: takes names, no paths"]);
  },
);

test("a member whose name has a dot is named with a glob, and $ may begin a name", () => {
  const row = { "user.ssn": "1", $ref: "2", ssn: "3" };
  expect(applied({ fields: ["user?ssn", "$ref"] }, row)).toEqual({
    "user.ssn": "[REDACTED]",
    $ref: "[REDACTED]",
    ssn: "3",
  });
});

test("tells how much of a streamed response must be held back", () => {
  expect(compileRule(redact, { detect: ["email"], from: ["result"] }).span).toBeUndefined();
  expect(compileRule(redact, { detect: ["email"] }).span).toMatchObject({ incremental: expect.any(Number) });
  const whole = createScanner({
    detectors: [{ ...wordDetector("tone", "pii", "x"), maxSpanChars: WHOLE_TEXT }],
  });
  expect(compileRule(redact, { detect: ["tone"] }, { scanner: whole }).span).toBe("whole");
  expect(compileRule(redact, { fields: ["ssn"] }).span).toBe("whole");
});
