import { beforeEach, expect, test } from "vitest";

import type { ControlRecord } from "../../src/audit/audit-record.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { createPorts } from "../../src/base/runtime.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import type { DocumentStore } from "../../src/store/state-store.ts";
import { slowDocuments } from "../state/slow-documents.ts";
import type { PolicyVersion } from "../../src/versioning/policy-version.ts";
import { createVersions, type Versions } from "../../src/versioning/versions.ts";
import { POLICY } from "./policies.ts";

const NOTE = { author: "ada", changelog: "first" };
const TIGHTER = { ...POLICY, priority: 200 };
let nowMs = 0;
let documents: DocumentStore;
let versions: Versions;
let recorded: Omit<ControlRecord, "kind" | "at">[];

beforeEach(() => {
  nowMs = 1_000;
  recorded = [];
  const { hash } = createPorts();
  documents = memoryState().versions;
  versions = createVersions({
    versions: documents,
    hash,
    nowMs: () => nowMs,
    record: (record) => recorded.push(record),
  });
});

test("a version is addressed by its content and names author, changelog and time", async () => {
  const first = await versions.publish(POLICY, NOTE);
  expect(first).toMatchObject({
    policyId: "acme.data",
    version: 1,
    author: "ada",
    changelog: "first",
    at: 1_000,
  });
  expect(first.contentHash).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(first.policy).toStrictEqual(POLICY);
  expect(await versions.get("acme.data", 1)).toBe(first);
  expect(await versions.get("acme.data", first.contentHash)).toBe(first);
  expect(await versions.get("acme.data", 2)).toBeUndefined();
});

test("publishing equal content returns the same version, however its members are ordered", async () => {
  const first = await versions.publish(POLICY, NOTE);
  const reordered = Object.fromEntries(Object.entries(POLICY).toReversed()) as unknown as typeof POLICY;
  expect(await versions.publish(reordered, { author: "eve", changelog: "again" })).toBe(first);
  expect(await versions.history("acme.data")).toStrictEqual([first]);
  expect(recorded).toHaveLength(1);
});

test("a published version does not change with the object it came from, and cannot be changed", async () => {
  const blocking = structuredClone(POLICY.blocking ?? []).slice();
  const policy = { ...POLICY, blocking };
  const { policy: kept } = await versions.publish(policy, NOTE);
  policy.priority = 1;
  blocking.length = 0;
  expect(kept).toStrictEqual(POLICY);
  expect(() => Object.assign(kept.blocking?.[1] ?? {}, { limit: 1 })).toThrow(TypeError);
});

test("rollback creates a new version and history is never destroyed", async () => {
  const first = await versions.publish(POLICY, NOTE);
  const second = await versions.publish(TIGHTER, { author: "ada", changelog: "tighter" });
  nowMs = 2_000;
  const third = await versions.rollback("acme.data", 1, { author: "bob", changelog: "too tight" });
  expect(third).toMatchObject({
    version: 3,
    rollbackOf: 1,
    author: "bob",
    at: 2_000,
    contentHash: first.contentHash,
  });
  expect(third.policy).toStrictEqual(POLICY);
  expect(await versions.history("acme.data")).toStrictEqual([first, second, third]);
  expect(await versions.get("acme.data", first.contentHash)).toBe(third);
});

test("a history that was handed out is not changed by later versions", async () => {
  await versions.publish(POLICY, NOTE);
  const before = await versions.history("acme.data");
  await versions.publish(TIGHTER, NOTE);
  expect(before).toHaveLength(1);
});

test("publishing older content again is a new version: the newest is what counts", async () => {
  await versions.publish(POLICY, NOTE);
  await versions.publish(TIGHTER, NOTE);
  expect(await versions.publish(POLICY, NOTE)).toMatchObject({ version: 3 });
});

test("diff compares two versions by number or content hash", async () => {
  const first = await versions.publish(POLICY, NOTE);
  await versions.publish(TIGHTER, NOTE);
  const diff = await versions.diff("acme.data", first.contentHash, 2);
  expect(diff.values).toMatchObject([{ path: "$.priority", before: 100, after: 200 }]);
});

test("every publish and rollback is recorded with its author and reason", async () => {
  await versions.publish(POLICY, NOTE);
  await versions.publish(TIGHTER, NOTE);
  await versions.rollback("acme.data", 1, { author: "bob", changelog: "too tight" });
  expect(recorded.map(({ action, by, subject, reason }) => [action, by, subject, reason])).toStrictEqual([
    ["policy_published", "ada", "acme.data", "first"],
    ["policy_published", "ada", "acme.data", "first"],
    ["policy_rolled_back", "bob", "acme.data", "too tight"],
  ]);
});

test("a promotion brings exactly one version to an environment, and everything can name it by that", async () => {
  const first = await versions.publish(POLICY, NOTE);
  const second = await versions.publish(TIGHTER, NOTE);
  await versions.promote("acme.data", first.contentHash, "production", NOTE);
  await versions.promote("acme.data", 2, "staging", NOTE);
  expect(await versions.get("acme.data", "production")).toBe(first);
  expect((await versions.diff("acme.data", "production", "staging")).values).toMatchObject([
    { path: "$.priority", before: 100, after: 200 },
  ]);
  expect(await versions.promote("acme.data", "staging", "production", NOTE)).toBe(second);
  expect(await versions.get("acme.data", "production")).toBe(second);
  // What is published or rolled back later moves no environment.
  await versions.rollback("acme.data", 1, NOTE);
  expect(await versions.get("acme.data", "staging")).toBe(second);
  expect(await versions.get("acme.other", "production")).toBeUndefined();
  expect(await versions.get("acme.data", "prod")).toBeUndefined();
});

test("an environment is never found empty while another version is published and promoted to it", async () => {
  await versions.publish(POLICY, NOTE);
  await versions.promote("acme.data", 1, "production", NOTE);
  const { hash } = createPorts();
  let isFirst = true;
  const reading = createVersions({
    versions: {
      ...slowDocuments(documents),
      async list<T>(prefix: string) {
        const found = await documents.list<T>(prefix);
        if (isFirst) {
          isFirst = false;
          await versions.publish(TIGHTER, NOTE);
          await versions.promote("acme.data", 2, "production", NOTE);
        }
        return found;
      },
    },
    hash,
    nowMs: () => nowMs,
    record: () => undefined,
  });
  expect(await reading.get("acme.data", "production")).toMatchObject({ version: 1 });
  expect(await reading.get("acme.data", "production")).toMatchObject({ version: 2 });
});

test("every promotion is recorded with its author, reason, and what was there; one that moves nothing is none", async () => {
  const { contentHash } = await versions.publish(POLICY, NOTE);
  await versions.publish(TIGHTER, NOTE);
  recorded.length = 0;
  const note = { author: "bob", changelog: "seven quiet days" };
  for (const version of [1, 1, 2])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await versions.promote("acme.data", version, "production", note);
  expect(recorded).toMatchObject([
    {
      action: "policy_promoted",
      by: "bob",
      subject: "acme.data",
      reason: "seven quiet days",
      data: { version: 1, contentHash, to: "production" },
    },
    { data: { version: 2, to: "production", before: 1 } },
  ]);
});

test("refuses to promote what is not there, to where nothing could be found, or without a note", async () => {
  await versions.publish(POLICY, NOTE);
  expect(() => versions.promote("acme.data", "staging", "production", NOTE)).toThrow(/no version staging/);
  for (const to of ["", `sha256:${"0".repeat(64)}`, JSON.parse("7")])
    expect(() => versions.promote("acme.data", 1, to, NOTE)).toThrow(
      expect.objectContaining({ code: "usage_invalid" }),
    );
  expect(() => versions.promote("acme.data", 1, "production", { author: "ada", changelog: "" })).toThrow(
    /changelog/,
  );
  expect(recorded).toHaveLength(1);
});

test.for([
  ["rollback", () => versions.rollback("acme.data", 9, NOTE), /has no version 9; it has 1 to 1/],
  ["diff", () => versions.diff("acme.data", 1, `sha256:${"0".repeat(64)}`), /has no version sha256:0+/],
  [
    "an unknown policy",
    () => versions.diff("acme.dato", 1, 2),
    /no policy "acme.dato" was published.*acme\.data/,
  ],
] as const)("refuses an unknown version: %s", async ([, act, message]) => {
  await versions.publish(POLICY, NOTE);
  expect(act).toThrow(message);
  expect(act).toThrow(expect.objectContaining({ code: "version_unknown" }));
});

test("refuses to publish without an author and a changelog", async () => {
  expect(() => versions.publish(POLICY, { author: " ", changelog: "" })).toThrow(ConfigError);
  expect(() => versions.publish(POLICY, { author: " ", changelog: "" })).toThrow(/author.*\n.*changelog/);
  expect(await versions.history("acme.data")).toStrictEqual([]);
});

test("two publishers at once on a store that answers later get a number each, and none is lost", async () => {
  const { hash } = createPorts();
  const publisherOf = (name: string): Versions =>
    createVersions({
      versions: slowDocuments(documents, async () => undefined),
      hash,
      nowMs: () => nowMs,
      record: ({ by }) => recorded.push({ action: name, by, subject: "" }),
    });
  const [ada, bob] = [publisherOf("ada"), publisherOf("bob")];
  const published = await Promise.all(
    Array.from({ length: 20 }, async (_, index) =>
      (index % 2 === 0 ? ada : bob).publish({ ...POLICY, priority: index + 1 }, NOTE),
    ),
  );
  const numbers = published.map(({ version }) => version).toSorted((a, b) => a - b);
  expect(numbers).toStrictEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  const kept = await ada.history("acme.data");
  const prioritiesOf = (list: readonly PolicyVersion[]): unknown =>
    new Set(list.map(({ policy }) => policy.priority));
  expect(kept).toHaveLength(20);
  expect(prioritiesOf(kept)).toStrictEqual(prioritiesOf(published));
  expect(recorded).toHaveLength(20);
});

test("two planes on one store keep their versions apart, and a policy's id is no prefix of another's", async () => {
  const of = (planeId: string): Versions =>
    createVersions({
      versions: documents,
      planeId,
      hash: createPorts().hash,
      nowMs: () => nowMs,
      record: () => undefined,
    });
  await of("a").publish({ ...POLICY, id: "p" }, NOTE);
  await of("a").publish({ ...POLICY, id: "p1" }, NOTE);
  expect(await of("b").history("p")).toStrictEqual([]);
  expect(await of("a").history("p")).toHaveLength(1);
});
