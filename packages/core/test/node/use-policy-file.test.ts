import { unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { memorySink } from "../../src/audit/memory-sink.ts";
import { ConfigError } from "../../src/base/errors.ts";
import type { PolicyDocument, PolicySource } from "../../src/policy/policy.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { usePolicyFile } from "../../src/node/use-policy-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What the file calls on a plane, with the engine's promise: all or nothing. */
function fakePlane() {
  const inForce = new Map<PolicySource, readonly string[]>();
  const unreadable: string[] = [];
  return {
    inForce,
    unreadable,
    engine: {
      recordUnreadable: (source: PolicySource, error: Error) =>
        void unreadable.push(`${source} ${error.message}`),
      async load(source: PolicySource, document: PolicyDocument | string) {
        // What the file says in JSON arrives as its text.
        const { policies }: PolicyDocument = typeof document === "string" ? JSON.parse(document) : document;
        if (policies.some(({ id }) => id === "bad"))
          throw new ConfigError(source, [{ path: "", message: "bad" }]);
        inForce.set(
          source,
          policies.map(({ id }) => id),
        );
        return "in_force" as const;
      },
    },
  };
}

const documentOf = (...ids: readonly string[]): string =>
  JSON.stringify({ apiVersion: "agentplane/v1", policies: ids.map((id) => ({ id })) });

test("puts the file into force, then its good changes; a bad one is reported and changes nothing", async () => {
  const file = path.join(temporaryDirectory(), "p.yaml");
  writeFileSync(file, documentOf("a"));
  const plane = fakePlane();
  const errors: string[] = [];
  const policies = await usePolicyFile(plane, file, { onError: (error) => errors.push(error.message) });
  expect(plane.inForce).toStrictEqual(new Map([[`file:${file}`, ["a"]]]));
  writeFileSync(file, documentOf("bad"));
  await policies.check();
  expect(plane.inForce.get(`file:${file}`)).toStrictEqual(["a"]);
  expect(errors).toStrictEqual([expect.stringContaining("bad")]);
  writeFileSync(file, documentOf("b", "c"));
  await policies.check();
  expect(plane.inForce.get(`file:${file}`)).toStrictEqual(["b", "c"]);
  await policies.close();
});

test("rejects when the file is broken or missing at the start", async () => {
  const file = path.join(temporaryDirectory(), "p.yaml");
  await expect(usePolicyFile(fakePlane(), file)).rejects.toThrow(ConfigError);
  writeFileSync(file, "policies: [");
  await expect(usePolicyFile(fakePlane(), file)).rejects.toThrow(ConfigError);
  writeFileSync(file, documentOf("bad"));
  await expect(usePolicyFile(fakePlane(), file)).rejects.toThrow(ConfigError);
});

test("puts on the record what never reaches the engine, once, and leaves the rest to the engine", async () => {
  const file = path.join(temporaryDirectory(), "p.yaml");
  writeFileSync(file, documentOf("a"));
  const plane = fakePlane();
  const policies = await usePolicyFile(plane, file, { onError: () => undefined });
  writeFileSync(file, documentOf("bad"));
  await policies.check();
  expect(plane.unreadable).toStrictEqual([]);
  writeFileSync(file, "policies: [");
  await policies.check();
  await policies.check();
  expect(plane.unreadable).toStrictEqual([expect.stringMatching(/^file:.*p\.yaml .*line 1, column/s)]);
  unlinkSync(file);
  await policies.check();
  expect(plane.unreadable).toHaveLength(2);
  await policies.close();
  await expect(usePolicyFile(plane, file)).rejects.toThrow(ConfigError);
  expect(plane.unreadable).toHaveLength(3);
});

test("records a half-written file in the audit trail of a real plane", async () => {
  const file = path.join(temporaryDirectory(), "p.yaml");
  writeFileSync(file, documentOf("a"));
  const audit = memorySink();
  const plane = createAgentPlane({ audit });
  const policies = await usePolicyFile(plane, file, { onError: () => undefined });
  writeFileSync(file, '{ "apiVersion": "agentplane/v1", "policies": [{ "id"');
  await policies.check();
  const errors = audit
    .records()
    .filter((one) => one.kind === "control" && one.action === "configuration_error");
  expect(errors).toMatchObject([{ by: `file:${file}`, reason: expect.stringMatching(/line 1/) }]);
  expect(plane.engine.policies().map(({ policy }) => policy.id)).toStrictEqual(["a"]);
  await policies.close();
  await plane.close();
});
