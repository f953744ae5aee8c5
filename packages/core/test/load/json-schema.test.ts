import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import * as z from "zod";

import { isJsonObject, type JsonValue } from "../../src/base/json.ts";
import { policyJsonSchema } from "../../src/load/json-schema.ts";
import { BUILT_IN_RULES, createRegistry } from "../../src/rules/registry.ts";
import { RULE_REFERENCE } from "../../src/rules/rule-reference.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { FAKE_KINDS, registryOf } from "./fake-kinds.ts";

const registry = createRegistry();
const schema = policyJsonSchema(registry);

/** The value at a chain of members. */
function at(value: JsonValue | undefined, ...names: readonly string[]): JsonValue | undefined {
  let found = value;
  for (const name of names) found = isJsonObject(found) ? found[name] : undefined;
  return found;
}

/** Every `$ref` in a schema. */
function references(value: JsonValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => references(item));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === "$ref" && typeof member === "string" ? [member] : references(member),
  );
}

describe("the JSON Schema of policy documents", () => {
  test("is the file that the package ships", () => {
    const file = new URL("../../schema/agentplane.v1.schema.json", import.meta.url);
    // Red? Run: node --conditions=agentplane-source packages/core/scripts/write-json-schema.ts
    const shipped: unknown = JSON.parse(readFileSync(file, "utf8"));
    expect(shipped).toEqual(schema);
  });

  test("describes each kind with its own parameters beside rule and id", () => {
    for (const kind of BUILT_IN_RULES) {
      const rule = at(schema, "$defs", `rule.${kind.kind}`);
      const variants = at(rule, "anyOf");
      const known = (Array.isArray(variants) ? variants : [rule]).map((variant: JsonValue) => {
        expect(at(variant, "properties", "rule", "const")).toBe(kind.kind);
        expect(at(variant, "properties", "id", "type")).toBe("string");
        expect(at(variant, "description")).toBe(RULE_REFERENCE[kind.kind].summary);
        expect(at(variant, "required")).toContain("rule");
        expect(at(variant, "additionalProperties")).toBe(false);
        return Object.keys(at(variant, "properties") ?? {});
      });
      expect(known).toContainEqual(expect.arrayContaining(Object.keys(RULE_REFERENCE[kind.kind].example)));
    }
  });

  test("describes a kind of the user's own in the words of its summary, if it has one", () => {
    const own = policyJsonSchema(registryOf(FAKE_KINDS));
    expect(at(own, "$defs", "rule.rate", "description")).toBe("Limits calls.");
    const silent = defineRule({
      kind: "silent",
      timing: "blocking",
      hookpoints: ["before_tool_call"],
      params: z.strictObject({}),
      isStateless: true,
      compile: () => ({}),
    });
    const rule = at(policyJsonSchema(registryOf([silent])), "$defs", "rule.silent");
    expect(at(rule, "properties", "rule")).toStrictEqual({ const: "silent" });
    expect(rule).not.toHaveProperty("description");
  });

  test("lists a kind where its timing lets it stand", () => {
    const own = policyJsonSchema(registryOf(FAKE_KINDS));
    expect(at(own, "$defs", "blockingRule", "properties", "rule", "enum")).toEqual([
      "rate",
      "denylist",
      "words",
    ]);
    expect(at(own, "$defs", "nonBlockingRule", "properties", "rule", "enum")).toEqual(["audit", "webhook"]);
  });

  test("closes policies, selectors and steps against unknown fields", () => {
    expect(at(schema, "additionalProperties")).toBe(false);
    expect(at(schema, "$defs", "policy", "additionalProperties")).toBe(false);
    expect(at(schema, "$defs", "policy", "properties", "selector", "additionalProperties")).toBe(false);
  });

  test("has no reference that leads nowhere", () => {
    const found = references(schema);
    expect(found).toContain("#/$defs/policy");
    const dangling = found.filter(
      (reference) => at(schema, ...reference.replace("#/", "").split("/")) === undefined,
    );
    expect(dangling).toEqual([]);
  });
});
