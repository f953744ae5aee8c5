import { writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import type { PolicyDocument, PolicySource } from "../../src/policy/policy.ts";
import { usePolicyFile } from "../../src/node/use-policy-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What the file calls on a plane, with the engine's promise: all or nothing. */
function fakePlane() {
  const inForce = new Map<PolicySource, readonly string[]>();
  return {
    inForce,
    engine: {
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
