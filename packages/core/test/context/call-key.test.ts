import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";
import { callKeyOf, inputDigest, tupleKey } from "../../src/context/call-key.ts";
import { createContext, withInput, withResult, type ContextInit } from "../../src/context/create-context.ts";
import { snapshot } from "../../src/context/snapshot.ts";

const { hash } = createPorts();

const call = {
  hookpoint: "before_tool_call",
  agent: "billing",
  tenant: "acme",
  user: "ann",
  session: "s1",
  callId: "c1",
  tool: { name: "refund", input: { amount: 5, note: "x" } },
} as const satisfies ContextInit;

function keyOf(change: Partial<ContextInit> = {}, planeId = "plane"): string | undefined {
  return callKeyOf(planeId, createContext({ ...call, ...change }, 1), hash);
}

test("one text stands for exactly one list of texts", () => {
  const parts = fc.array(fc.option(fc.string({ unit: "binary", maxLength: 4 }), { nil: undefined }), {
    maxLength: 4,
  });
  // Texts that look like the encoding itself are the ones that could collide.
  const tricky = fc.array(fc.constantFrom(undefined, "", "-", "1:", "0:", "1:a", ":", "1", "a"), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(fc.oneof(parts, tricky), fc.oneof(parts, tricky), (a, b) => {
      const isSame = a.length === b.length && a.every((part, at) => part === b[at]);
      expect(tupleKey(a) === tupleKey(b)).toBe(isSame);
    }),
    { numRuns: 2_000 },
  );
});

test("an absent part is not an empty one", () => {
  expect(tupleKey(["a", "", undefined])).toBe("1:a0:-");
});

describe("callKeyOf", () => {
  test("is the same for the same call, whatever the time and the order of members", () => {
    expect(keyOf({ nowMs: 99, tool: { name: "refund", input: { note: "x", amount: 5 } } })).toBe(keyOf());
  });

  test("is the same after the action as before it", () => {
    const before = createContext(call, 1);
    expect(callKeyOf("plane", withResult(before, { result: "done", nowMs: 2 }), hash)).toBe(keyOf());
  });

  test.for([
    ["plane", {}, "other"],
    ["tenant", { tenant: "evil" }],
    ["absent tenant", { tenant: undefined }],
    ["agent", { agent: "other" }],
    ["session", { session: "s2" }],
    ["action", { hookpoint: "before_handoff" }],
    ["call id", { callId: "c2" }],
    ["input", { tool: { name: "refund", input: { amount: 6, note: "x" } } }],
    ["tool", { tool: { name: "other", input: { amount: 5, note: "x" } } }],
    ["absent input", { tool: { name: "refund" } }],
  ] as const)("differs with another %s", ([, change, planeId = "plane"]) => {
    expect(keyOf(change, planeId)).not.toBe(keyOf());
  });

  test("there is none without a call id", () => {
    expect(keyOf({ callId: undefined })).toBeUndefined();
  });
});

describe("inputDigest", () => {
  test("is SHA-256 over canonical JSON", () => {
    expect(inputDigest(createContext(call, 1), hash)).toBe(hash.sha256('{"amount":5,"note":"x"}'));
  });

  test("tells no input from null and from the empty text", () => {
    const digests = [undefined, null, "", {}, []].map((input) =>
      inputDigest(createContext({ ...call, tool: { name: "refund", input } }, 1), hash),
    );
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("tells dates, big integers and numbers that JSON lacks by their value, and from data that looks alike", () => {
    const inputs = [
      { when: new Date(0) },
      { when: new Date(1) },
      { when: new Date(Number.NaN) },
      { when: { $opaque: "Date" } },
      { when: { $opaque: "Date", value: "0" } },
      { when: 5n },
      { when: 6n },
      { when: Number.NaN },
      { when: Number.POSITIVE_INFINITY },
      { when: [new Date(0)] },
      { when: [{ at: new Date(1) }] },
    ];
    const digestOf = (input: object): string =>
      inputDigest(createContext({ ...call, tool: { name: "refund", input } }, 1), hash);
    expect(new Set(inputs.map(digestOf)).size).toBe(inputs.length);
    expect(digestOf({ b: 1, when: new Date(0) })).toBe(digestOf({ when: new Date(0), b: 1 }));
  });

  test("follows a changed input, another hash, and an input that is not frozen", () => {
    const context = createContext(call, 1);
    expect(inputDigest(context, hash)).not.toBe(
      inputDigest(withInput(context, snapshot({ amount: 6 })), hash),
    );
    expect(inputDigest(context, { ...hash, sha256: () => "other" })).toBe("other");
    const input = { amount: 1 };
    const byHand = { ...context, tool: { name: "refund", input } };
    const before = inputDigest(byHand, hash);
    input.amount = 2;
    expect(inputDigest(byHand, hash)).not.toBe(before);
  });
});
