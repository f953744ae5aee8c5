import * as z from "zod/mini";

import { isJsonObject } from "../base/json.ts";
import { alertTargetSchema } from "../policy/alert-schema.ts";
import { between } from "../policy/between.ts";
import { degradeSchema } from "../policy/degrade-schema.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { openObject } from "../policy/open-object.ts";
import { checkedBy, matching, mustHold } from "../policy/schema-check.ts";
import { wholeNumber } from "../policy/whole-number.ts";

/** The ids that `idSchema` accepts. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;

/** What ids of policies and rules may look like: they appear in urls, commands and state keys. */
export const idSchema = z
  .string()
  .check(
    matching(
      ID_PATTERN,
      "must start with a letter or digit and hold at most 128 letters, digits or . _ : @ / -",
    ),
  );

/** Tells whether a text that may be a pattern excludes something, if it excludes. */
export function isPattern(text: string): boolean {
  return text !== "!" && !text.startsWith("!!");
}

/** A name or a glob, or `!` and what is excluded. */
export const patternSchema = z
  .string()
  .check(
    between(1, 512),
    mustHold(isPattern, "is an exclusion of nothing", { suggestion: 'write one "!" and a pattern after it' }),
  );

/** An empty list would match nothing, which nobody means. */
const patternsSchema = z.array(patternSchema).check(between(1));

/** An object whose names are free, and whose members are alike. */
function objectOf(member: z.core.$ZodType, maxChars: number): z.ZodMiniObject {
  const checkNames = checkedBy((named: object, report) => {
    for (const name of Object.keys(named)) {
      if (name === "") report([name], "has a name that must not be empty");
      if (name.length > maxChars && Array.from(name).length > maxChars)
        report([name], `has a name that must have at most ${maxChars} characters`);
    }
  });
  // Also where a value is wrong: a person is told everything at once.
  return openObject(member).check(z.check(checkNames, { when: ({ value }) => isJsonObject(value) }));
}

/** The tags that a selector asks for. */
export const tagsSchema = objectOf(z.union([patternSchema, patternsSchema]), Infinity);

const selectorSchema = z.strictObject({
  agents: z.optional(patternsSchema),
  tenants: z.optional(patternsSchema),
  users: z.optional(patternsSchema),
  tools: z.optional(patternsSchema),
  hookpoints: z.optional(patternsSchema),
  tags: z.optional(tagsSchema),
});

const approvalSchema = z
  .strictObject({
    timeout: z.optional(durationSchema),
    onTimeout: z.optional(z.enum(["deny"])),
    approvers: z.optional(wholeNumber.check(between(1, 20))),
    by: z.optional(z.enum(["operator", "client", "any"])),
    showInput: z.optional(z.boolean()),
  })
  .check(
    mustHold(
      ({ approvers, by }) => (approvers ?? 1) === 1 || by === "operator",
      "must be operator when more than one person has to approve",
      { at: "by", suggestion: "add by: operator" },
    ),
  );

/** What a ladder's level may do: exactly one of these. */
export const actionSchema = z
  .strictObject({
    alert: z.optional(alertTargetSchema),
    hitl: z.optional(approvalSchema),
    degrade: z.optional(degradeSchema),
    block: z.optional(
      z.strictObject({
        for: z.optional(durationSchema),
        reason: z.optional(z.string().check(between(1, 500))),
      }),
    ),
  })
  .check(
    mustHold(
      (action) => Object.keys(action).length === 1,
      "must have exactly one of alert, hitl, degrade, block",
      { suggestion: "write one level per action" },
    ),
  );

const stepSchema = z.strictObject({
  trigger: z.string().check(between(1, 128)),
  after: wholeNumber.check(between(1, 1_000_000)),
  within: durationSchema,
  action: actionSchema,
});

const API_VALUE = /^(?:\$\.\S+|[A-Za-z]+)$/;
const API_URL = /^(?:\$\.\S+|https?:\/\/[^\s\\]+)$/i;

/** What an operator may declare about a tool. */
export const traitsSchema = z.strictObject({
  access: z.optional(z.enum(["read", "write", "exec"])),
  external: z.optional(z.boolean()),
  safe: z.optional(z.boolean()),
  api: z.optional(
    z.strictObject({
      method: z
        .string()
        .check(matching(API_VALUE, "must be an HTTP method, or a path into the input such as $.method")),
      url: z
        .string()
        .check(matching(API_URL, "must be an http(s) address, or a path into the input such as $.url")),
    }),
  ),
});

/** What is declared about tools, by their names. */
export const toolsSchema = objectOf(traitsSchema, 512);

/** A policy without its rules, which are checked kind by kind. */
export const policySchema = z.strictObject({
  id: idSchema,
  description: z.optional(z.string().check(between(0, 2_000))),
  selector: z.optional(selectorSchema),
  priority: z.optional(wholeNumber.check(between(-1_000_000, 1_000_000))),
  mode: z.optional(z.enum(["enforce", "shadow"])),
  onError: z.optional(z.enum(["block", "allow"])),
  blocking: z.optional(z.array(z.unknown())),
  nonBlocking: z.optional(z.array(z.unknown())),
  escalation: z.optional(z.array(stepSchema)),
});

/** A policy document without its policies, which are checked one by one. */
export const documentSchema = z.strictObject({
  apiVersion: z.enum(["agentplane/v1"]),
  policies: z.array(z.unknown()),
  tools: z.optional(toolsSchema),
  defaultEffect: z.optional(z.enum(["allow", "block"])),
});
