import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { RuleKind } from "../rules/rule.ts";
import { summaryOf } from "../rules/rule-reference.ts";
import { jsonSchemaOf } from "./schema-in-json.ts";
import { documentSchema, idSchema, policySchema } from "./schema.ts";

/**
 * The JSON Schema (draft 2020-12) of a policy document, for completion in editors and for other languages. It admits
 * everything that loads; a few checks across fields are made only at load.
 * @param registry The kinds to describe, a user's own included.
 */
export function policyJsonSchema(registry: RuleRegistry): JsonObject {
  const document = jsonSchemaOf(documentSchema);
  const policy = jsonSchemaOf(policySchema);
  const definitions: Record<string, JsonValue> = {
    policy: {
      ...policy,
      properties: {
        ...membersOf(policy),
        blocking: { type: "array", items: { $ref: "#/$defs/blockingRule" } },
        nonBlocking: { type: "array", items: { $ref: "#/$defs/nonBlockingRule" } },
      },
    },
    blockingRule: choiceOf(registry.all.filter(({ timing }) => timing === "blocking")),
    nonBlockingRule: choiceOf(registry.all.filter(({ timing }) => timing === "nonBlocking")),
  };
  for (const kind of registry.all) Object.assign(definitions, ruleDefinitions(kind));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "agentplane policy document, version 1",
    ...document,
    properties: { ...membersOf(document), policies: { type: "array", items: { $ref: "#/$defs/policy" } } },
    $defs: definitions,
  };
}

function membersOf(schema: JsonObject): JsonObject {
  const members = schema["properties"];
  return isJsonObject(members) ? members : {};
}

function choiceOf(kinds: readonly RuleKind[]): JsonObject {
  const names = kinds.map(({ kind }) => kind);
  return {
    type: "object",
    required: ["rule"],
    properties: { rule: { enum: names } },
    // One condition per kind instead of anyOf: an editor then reports what is wrong with the kind that was named.
    allOf: kinds.map(({ kind }) => ({
      if: { properties: { rule: { const: kind } }, required: ["rule"] },
      // oxlint-disable-next-line unicorn/no-thenable -- `then` is JSON Schema's own word
      then: { $ref: `#/$defs/rule.${kind}` },
    })),
  };
}

function ruleDefinitions(kind: RuleKind): JsonObject {
  const { $defs: inner, ...parameters } = jsonSchemaOf(kind.params);
  const prefix = `rule.${kind.kind}.`;
  const own: Record<string, JsonValue> = {};
  for (const [name, definition] of Object.entries(isJsonObject(inner) ? inner : {})) {
    own[`${prefix}${name}`] = withPrefix(definition, prefix);
  }
  const described = withPrefix(parameters, prefix);
  return { ...own, [`rule.${kind.kind}`]: asRule(kind, isJsonObject(described) ? described : {}) };
}

/** Adds `rule` and `id` to the kind's own parameters. */
function asRule(kind: RuleKind, parameters: JsonObject): JsonObject {
  const summary = summaryOf(kind);
  const described = summary === undefined ? {} : { description: summary };
  const own: JsonObject = {
    rule: { const: kind.kind, ...described },
    id: jsonSchemaOf(idSchema),
  };
  // A discriminated union is `oneOf`, any other `anyOf`; each variant is closed with `rule` and `id` in it.
  const variants = parameters["oneOf"] ?? parameters["anyOf"];
  if (Array.isArray(variants)) {
    return {
      anyOf: variants.map((variant: JsonValue) => asRule(kind, isJsonObject(variant) ? variant : {})),
    };
  }
  if (parameters["type"] !== "object") {
    // What has no shape that JSON Schema can state is checked when it is loaded.
    return { type: "object", ...described, properties: own, required: ["rule"] };
  }
  const required = Array.isArray(parameters["required"]) ? parameters["required"] : [];
  return {
    ...described,
    ...parameters,
    properties: { ...own, ...membersOf(parameters) },
    required: ["rule", ...required],
  };
}

/** Definitions move from the kind's own schema into the document's; references follow. */
function withPrefix(value: JsonValue, prefix: string): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withPrefix(item, prefix));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === "$ref" && typeof member === "string"
        ? member.replace(/^#\/\$defs\//, `#/$defs/${prefix}`)
        : withPrefix(member, prefix),
    ]),
  );
}
