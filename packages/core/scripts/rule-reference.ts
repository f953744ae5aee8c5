import { stringify } from "yaml";

import { isJsonObject, type JsonObject, type JsonValue } from "../src/base/json.ts";
import { jsonSchemaOf } from "../src/load/schema-in-json.ts";
import { BUILT_IN_RULES } from "../src/rules/registry.ts";
import type { RuleKind } from "../src/rules/rule.ts";
import { RULE_REFERENCE } from "../src/rules/rule-reference.ts";
import { markdownTable, typeText } from "./schema-text.ts";

type BuiltInKind = (typeof BUILT_IN_RULES)[number];

const INTRODUCTION = `# Rules

<!-- Generated from the rule registry: node --conditions=agentplane-source packages/core/scripts/write-rule-reference.ts -->

A rule is written in a policy as \`rule: <kind>\` with the kind's own parameters, or in TypeScript as
\`rule.<kind>({ … })\`. Each may also have an \`id\`; it is required where a kind repeats in one policy. A kind of your
own is one \`defineRule\`, passed as \`createAgentPlane({ rules: [mine] })\`.

Words that several kinds share:

- **duration**: a whole number and a unit, \`"500ms"\`, \`"30s"\`, \`"10m"\`, \`"1h"\`, \`"7d"\`, \`"2w"\`.
- **window**: over which time a limit counts: a duration (sliding), \`{ calendar: day | month, timeZone }\`, or
  \`lifetime\`.
- **subject**: by what a limit is kept apart (\`per\`): \`agent\`, \`tenant\`, \`user\`, \`session\`, \`run\`, \`tool\`,
  \`global\`, or a list of them that must all have room. Every key but \`global\` contains the tenant too.
- **onBreach**: \`block\` makes a hard limit, which is never exceeded. \`escalate\` climbs the policy's ladder (without one
  a person is asked), \`degrade\` sets the mode that \`degrade\` names.
- **mode change**: \`{ mode, recover, scope, perMinute, delay }\`, see [operations](operations.md#degradation-modes).
- **patterns**: names with \`*\` and \`?\`; \`!\` in front excludes.
- **detect**: names of detectors of the scanner, or of a family of them, such as \`email\` or \`pii\`.
- **conditions** (\`where\`, \`require\`, \`when\`): see [policies](policies.md#conditions).`;

/** The reference of every built-in kind, as the Markdown of `docs/rules.md`. */
export function renderRuleReference(): string {
  const timings = [
    ["Blocking", "They take part in the decision; the call waits for them.", "blocking"],
    ["Non-blocking", "They run aside, for blocked calls too; no call waits for them.", "nonBlocking"],
  ] as const;
  const parts = timings.flatMap(([title, words, timing]) => {
    const kinds = BUILT_IN_RULES.filter((kind) => kind.timing === timing);
    return [`## ${title} rules`, words, overviewOf(kinds), ...kinds.map((kind) => describeKind(kind))];
  });
  return `${[INTRODUCTION, ...parts].join("\n\n")}\n`;
}

function overviewOf(kinds: readonly BuiltInKind[]): string {
  return markdownTable(
    ["kind", "does"],
    kinds.map(({ kind }) => [`[${kind}](#${kind.toLowerCase()})`, RULE_REFERENCE[kind].summary]),
  );
}

function describeKind(kind: BuiltInKind): string {
  const { timing, hookpoints, needs = [] }: RuleKind = kind;
  const { summary, example } = RULE_REFERENCE[kind.kind];
  const where = hookpoints.includes("*")
    ? "every hookpoint"
    : hookpoints.map((name) => `\`${name}\``).join(", ");
  const wired = needs.length === 0 ? "" : `\nNeeds: ${needs.map((need) => `\`${need}\``).join(", ")}.`;
  const yaml = stringify([{ rule: kind.kind, ...example }], { lineWidth: 100 }).trimEnd();
  return [
    `### ${kind.kind}`,
    summary,
    `Looks at ${where}. In a policy's \`${timing}\` list.${wired}`,
    ...parameterTables(kind),
    `\`\`\`yaml\n${yaml}\n\`\`\``,
  ].join("\n\n");
}

function parameterTables(kind: BuiltInKind): readonly string[] {
  const schema = jsonSchemaOf(kind.params);
  const variants = schema["oneOf"] ?? schema["anyOf"];
  if (!Array.isArray(variants)) return tableOf(schema);
  return variants.flatMap((variant: JsonValue) => (isJsonObject(variant) ? tableOf(variant) : []));
}

function tableOf(schema: JsonObject): readonly string[] {
  const members = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required: readonly JsonValue[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const rows = Object.entries(members).map(([name, member]) => {
    const described = isJsonObject(member) ? member : {};
    const fallback = described["default"];
    const absent = required.includes(name) ? "required" : "";
    return [
      `\`${name}\``,
      typeText(described),
      fallback === undefined ? absent : `\`${JSON.stringify(fallback)}\``,
    ];
  });
  return [markdownTable(["parameter", "value", "default"], rows)];
}
