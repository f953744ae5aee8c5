import * as z from "zod";

import { alertTargetSchema } from "../policy/alert-schema.ts";
import { degradeSchema } from "../policy/degrade-schema.ts";
import { durationSchema } from "../policy/duration-schema.ts";

/** The ids that `idSchema` accepts. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;

/** What ids of policies and rules may look like: they appear in urls, commands and state keys. */
export const idSchema = z.string().regex(ID_PATTERN, {
  error: "must start with a letter or digit and hold at most 128 letters, digits or . _ : @ / -",
});

/** Tells whether a text that may be a pattern excludes something, if it excludes. */
export function isPattern(text: string): boolean {
  return text !== "!" && !text.startsWith("!!");
}

const patternSchema = z
  .string()
  .min(1)
  .max(512)
  .refine(isPattern, {
    error: "is an exclusion of nothing",
    params: { suggestion: 'write one "!" and a pattern after it' },
  })
  .meta({ description: "A name or a glob (* and ?); ! in front excludes." });

/** An empty list would match nothing, which nobody means. */
const patternsSchema = z.array(patternSchema).min(1);

const selectorSchema = z.strictObject({
  agents: patternsSchema.optional(),
  tenants: patternsSchema.optional(),
  users: patternsSchema.optional(),
  tools: patternsSchema.optional(),
  hookpoints: patternsSchema.optional(),
  tags: z.record(z.string().min(1), z.union([patternSchema, patternsSchema])).optional(),
});

const approvalSchema = z
  .strictObject({
    timeout: durationSchema.optional(),
    onTimeout: z.literal("deny").optional(),
    approvers: z.int().min(1).max(20).optional(),
    by: z.enum(["operator", "client", "any"]).optional(),
    showInput: z
      .boolean()
      .refine((isShown) => !isShown, {
        error: "is not available yet: the approver sees a redacted view",
        params: { suggestion: "leave it out" },
      })
      .meta({ const: false })
      .optional(),
  })
  .refine(({ approvers, by }) => (approvers ?? 1) === 1 || by === "operator", {
    path: ["by"],
    error: "must be operator when more than one person has to approve",
    params: { suggestion: "add by: operator" },
  });

/** What a ladder's level may do: exactly one of these. */
const actionSchema = z
  .strictObject({
    alert: alertTargetSchema.optional(),
    hitl: approvalSchema.optional(),
    degrade: degradeSchema.optional(),
    block: z
      .strictObject({ for: durationSchema.optional(), reason: z.string().min(1).max(500).optional() })
      .optional(),
  })
  .refine((action) => Object.keys(action).length === 1, {
    error: "must have exactly one of alert, hitl, degrade, block",
    params: { suggestion: "write one level per action" },
  })
  .meta({ minProperties: 1, maxProperties: 1 });

const stepSchema = z.strictObject({
  trigger: z.string().min(1).max(128),
  after: z.int().min(1).max(1_000_000),
  within: durationSchema,
  action: actionSchema,
});

const API_VALUE = /^(?:\$\.\S+|[A-Za-z]+)$/;
const API_URL = /^(?:\$\.\S+|https?:\/\/[^\s\\]+)$/i;

/** What an operator may declare about a tool. */
export const traitsSchema = z.strictObject({
  access: z.enum(["read", "write", "exec"]).optional(),
  external: z.boolean().optional(),
  safe: z.boolean().optional(),
  api: z
    .strictObject({
      method: z
        .string()
        .regex(API_VALUE, { error: "must be an HTTP method, or a path into the input such as $.method" }),
      url: z
        .string()
        .regex(API_URL, { error: "must be an http(s) address, or a path into the input such as $.url" }),
    })
    .optional(),
});

/** A policy without its rules, which are checked kind by kind. */
export const policySchema = z.strictObject({
  id: idSchema,
  description: z.string().max(2_000).optional(),
  selector: selectorSchema.optional(),
  priority: z.int().min(-1_000_000).max(1_000_000).optional(),
  mode: z.enum(["enforce", "shadow"]).optional(),
  onError: z.enum(["block", "allow"]).optional(),
  blocking: z.array(z.unknown()).optional(),
  nonBlocking: z.array(z.unknown()).optional(),
  escalation: z.array(stepSchema).optional(),
});

/** A policy document without its policies, which are checked one by one. */
export const documentSchema = z.strictObject({
  apiVersion: z.literal("agentplane/v1"),
  policies: z.array(z.unknown()),
  tools: z.record(z.string().min(1).max(512), traitsSchema).optional(),
  defaultEffect: z.enum(["allow", "block"]).optional(),
});
