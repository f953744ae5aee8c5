import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { canonicalJson } from "../../src/base/canonical-json.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { HashedLater, type LoadedPolicy } from "../../src/policy/loaded-policy.ts";
import { createBench, toolCall } from "../plane/bench.ts";

const policy = { id: "p", mode: "shadow", description: "ä\n" } as const;
const contentHash = `sha256:${createHash("sha256").update(canonicalJson(policy)).digest("hex")}`;

test("a loaded policy is addressed by its canonical JSON, however it is looked at", () => {
  const { hash } = createPorts();
  const loaded: LoadedPolicy = new HashedLater(policy, "code", hash);
  expect({ ...loaded }).toStrictEqual({ policy, source: "code", contentHash });
  expect(JSON.parse(JSON.stringify(loaded))).toStrictEqual({ policy, source: "code", contentHash });
  expect(loaded.contentHash).toBe(contentHash);
  expect(Object.isFrozen(loaded)).toBe(true);
  expect(() => Object.assign(loaded, { contentHash: "sha256:0" })).toThrow(TypeError);
});

test("policies are hashed when somebody asks for their address, and once", async () => {
  const { hash } = createPorts();
  const hashed: string[] = [];
  const sha256 = (text: string): string => {
    if (text.startsWith('{"blocking"')) hashed.push(text);
    return hash.sha256(text);
  };
  const policies = ["a", "b"].map((id) => ({
    id,
    selector: { tools: [id] },
    blocking: [{ rule: "denylist", tools: ["*"] }],
  }));
  const { plane } = createBench({ policies, ports: { hash: { ...hash, sha256 } } });
  expect(hashed).toStrictEqual([]);
  const decisions = [await plane.engine.decide(toolCall("b")), await plane.engine.decide(toolCall("b"))];
  expect(hashed).toStrictEqual([canonicalJson(policies[1])]);
  const { contentHash: address } = plane.engine.policies()[1]!;
  expect(decisions.map(({ policyVersion }) => policyVersion)).toStrictEqual([address, address]);
});

test("a reload with the same content keeps what was loaded, whatever the order of members", () => {
  const { plane } = createBench({});
  const load = (policies: readonly object[]): void =>
    plane.engine.replaceAll("server", JSON.stringify({ apiVersion: "agentplane/v1", policies }));
  load([{ id: "a", mode: "shadow", priority: 1 }, { id: "b" }]);
  const before = plane.engine.policies();
  load([
    { priority: 1, id: "a", mode: "shadow" },
    { id: "b", priority: 2 },
  ]);
  const after = plane.engine.policies();
  expect(after[0]).toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
});
