import { expect, test } from "vitest";

import { piiScan } from "../../src/rules/pii-scan.ts";
import { compileRule, toolCall } from "./compile-rule.ts";
import { observationOf } from "./observation.ts";

interface Line {
  readonly message: string;
  readonly data: unknown;
}

function scanned(params: object, input: Record<string, string>): readonly Line[] {
  const lines: Line[] = [];
  const logger = {
    info: (message: string, data?: unknown) => void lines.push({ message, data }),
    warn: () => undefined,
    error: () => undefined,
  };
  void compileRule(piiScan, params, { logger }).observe?.(observationOf({}, {}, toolCall("mail", input)));
  return lines;
}

test("logs how often personal data occurs and never the data", () => {
  const lines = scanned({ detect: ["email"] }, { to: "ada@example.com", cc: "bob@example.com" });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.data).toMatchObject({ counts: { email: 2 }, agent: "agent-1", tool: "mail" });
  expect(JSON.stringify(lines)).not.toMatch(/ada|bob/);
});

test("logs nothing where nothing was found", () => {
  expect(scanned({}, { text: "nothing personal" })).toHaveLength(0);
});

test("counts findings by type where metrics are given", () => {
  const counted: unknown[] = [];
  const instrument = {
    record: (value: number, attributes: object) => void counted.push([value, attributes]),
  };
  const metrics = { counter: () => instrument, histogram: () => instrument };
  const rule = compileRule(piiScan, { detect: ["email"] }, { metrics });
  void rule.observe?.(observationOf({}, {}, toolCall("mail", { to: "ada@example.com" })));
  expect(counted).toStrictEqual([[1, { "agentplane.pii.type": "email" }]]);
});

test("is a load error without a scanner", () => {
  expect(() => compileRule(piiScan, {}, { scanner: undefined })).toThrow(/needs a scanner/);
});
