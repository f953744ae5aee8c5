import * as z from "zod";

import { durationSchema } from "../../src/policy/duration-schema.ts";
import type { RuleRegistry } from "../../src/rules/registry.ts";
import { defineRule, type RuleKind } from "../../src/rules/rule.ts";

const compile = (): Record<string, never> => ({});

/** Small kinds that stand for the real ones where a test is about reading, not about rules. */
export const FAKE_KINDS: readonly RuleKind[] = [
  defineRule({
    kind: "rate",
    summary: "Limits calls.",
    timing: "blocking",
    hookpoints: ["before_tool_call"],
    params: z.strictObject({
      limit: z.int().min(0),
      window: z.union([
        durationSchema,
        z.strictObject({ calendar: z.enum(["day", "month"]), timeZone: z.string() }),
      ]),
      per: z.enum(["agent", "tenant", "session"]).optional(),
      onBreach: z.enum(["block", "escalate", "degrade"]).optional(),
    }),
    example: { limit: 1, window: "1m" },
    isStateless: false,
    compile,
  }),
  defineRule({
    kind: "denylist",
    summary: "Blocks tools.",
    timing: "blocking",
    hookpoints: ["before_tool_call"],
    params: z.strictObject({ tools: z.array(z.string().min(1)).min(1) }),
    example: { tools: ["rm"] },
    isStateless: true,
    compile,
  }),
  defineRule({
    kind: "audit",
    summary: "Says what a record may contain.",
    timing: "nonBlocking",
    hookpoints: ["*"],
    params: z.strictObject({ includeInput: z.boolean().optional() }),
    example: {},
    isStateless: true,
    compile,
  }),
  defineRule({
    kind: "webhook",
    summary: "A custom kind with a loose schema and a secret.",
    timing: "nonBlocking",
    hookpoints: ["*"],
    params: z.object({ url: z.string(), secret: z.unknown(), where: z.unknown() }),
    example: { url: "https://example.com" },
    isStateless: true,
    compile,
  }),
  defineRule({
    kind: "words",
    summary: "A kind whose parameter is a word or a list of words.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({
      per: z.union([z.enum(["agent", "tenant"]), z.array(z.enum(["agent", "tenant"]))]).optional(),
    }),
    example: {},
    isStateless: true,
    compile,
  }),
];

/** A registry of exactly these kinds. */
export function registryOf(all: readonly RuleKind[]): RuleRegistry {
  const byKind = new Map(all.map((kind) => [kind.kind, kind]));
  return { get: (kind) => byKind.get(kind), kinds: [...byKind.keys()], all };
}
