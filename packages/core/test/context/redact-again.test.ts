import { createScanner } from "@agentplane/safety";
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";
import { redactText, type RedactDeps } from "../../src/context/redact.ts";
import type { RedactDuty } from "../../src/context/redact-plan.ts";
import { createTextStreamRedactor } from "../../src/context/redact-stream.ts";

const { hash } = createPorts();
const deps: RedactDeps = { scanner: createScanner(), hash, channel: "model_output" };
const HOLD_BACK = 382;

function streamed(text: string, sizes: readonly number[], duties: readonly RedactDuty[]): string {
  const redactor = createTextStreamRedactor(duties, HOLD_BACK, deps);
  let shown = "";
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    shown += redactor.push(text.slice(at, at + size));
    at += size;
  }
  return shown + redactor.flush();
}

const emails = (treatment: RedactDuty["treatment"]): RedactDuty[] => [
  { fields: [], detect: ["email"], treatment },
];

// What one scan leaves is an address once the next one beside it is gone.
const NESTED = `bob@example.com${"a".repeat(70)}@example.com`;

test.each(["mask", "hash", "tokenise"] as const)(
  "a stream shows no finding that shows only when another one is replaced: %s",
  (treatment) => {
    const text = `Ask ${NESTED} or ${NESTED}, not eve@example.org. ${"- ".repeat(400)}`;
    const whole = redactText(text, emails(treatment), deps);
    expect(whole).not.toContain("bob@");
    for (const size of [1, 7, 50, 400, 5_000]) expect(streamed(text, [size], emails(treatment))).toBe(whole);
  },
);

const PARTS = ["bob@example.com", "a".repeat(70), "@example.com", "@", ".", " ", "eve@example.org", "x"];

test("any chunking equals the whole, whatever stands beside addresses", () => {
  const text = fc
    .array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 7 })
    .map((parts) => `- ${parts.join("")} `);
  const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(text, sizes, (given, chunks) => {
      expect(streamed(given, chunks, emails("tokenise"))).toBe(redactText(given, emails("tokenise"), deps));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["a line break before it", { note: "follow us:\n@acme.io or write" }],
  ["an escaped letter before it", { note: "\u0001@acme.io" }],
  ["a quotation mark before it", { note: 'say "hi@acme.io"' }],
  ["a backslash before it", { note: "C:\\bob@acme.io" }],
  ["backslashes before it", { note: "C:\\\\n@acme.io" }],
])("JSON stays JSON with what looks like an address and %s", (_what, value) => {
  const shown = redactText(JSON.stringify(value), emails("mask"), deps);
  expect(() => JSON.parse(shown) as unknown).not.toThrow();
  expect(shown).not.toContain("@acme.io");
});
