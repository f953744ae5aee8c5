import { expect, test } from "vitest";

import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createFakeScanner } from "../../src/testing/fake-scanner.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

const SECRET = "key-4711";

/** What a tool that throws this value makes its caller see, under a policy that hides keys. */
async function seenAfterThrowing(thrown: unknown): Promise<string> {
  const error = await thrownAgain(thrown, "enforce");
  return error instanceof Error ? error.message : JSON.stringify(error);
}

/** What comes out where a tool throws this value. */
async function thrownAgain(thrown: unknown, mode: "enforce" | "shadow"): Promise<unknown> {
  const { guard } = createAgentPlane({
    policies: [{ id: "hide-keys", mode, blocking: [rule.redact({ detect: ["key"] })] }],
    scanner: createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]),
    ports: createTestPorts(),
  });
  const context = guard.context({
    hookpoint: "before_tool_call",
    agent: "a",
    tool: { name: "t", input: {} },
  });
  try {
    const outcome = await guard.toolCall({
      context,
      run: () => {
        throw thrown;
      },
    });
    return outcome;
  } catch (error) {
    return error;
  }
}

const circular: { note: string; self?: unknown } = { note: SECRET };
circular.self = circular;

test.for([
  ["an error", new Error(`${SECRET} was refused`)],
  ["a text", `${SECRET} was refused`],
  ["an object", { code: 401, message: `${SECRET} was refused` }],
  ["an object that cannot be written as JSON", circular],
] as const)("hides what is redacted when a tool throws %s", async ([, thrown]) => {
  expect(await seenAfterThrowing(thrown)).not.toContain(SECRET);
});

test("leaves a thrown object alone that holds nothing to hide", async () => {
  expect(await seenAfterThrowing({ code: 401 })).toBe('{"code":401}');
});

test("a policy in shadow leaves every error the object that was thrown, however much of it can be read", async () => {
  const tangled = Object.assign(new Error(`${SECRET} was refused`), { circular });
  for (const thrown of [tangled, circular, new Error(SECRET), SECRET])
    // oxlint-disable-next-line no-await-in-loop -- few
    expect(await thrownAgain(thrown, "shadow")).toBe(thrown);
});
