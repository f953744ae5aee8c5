import { assertNever } from "../base/assert-never.ts";
import type { JsonValue } from "../base/json.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import type { SessionView } from "../rules/session-view.ts";
import { toCel, type CelValue } from "./cel-value.ts";

/** A CEL type, or the fields of an object. */
export type CelSchema = string | { readonly [field: string]: CelSchema };

/**
 * What an expression can refer to, with types, so that a wrong field or a comparison of a text with a number is found
 * when the policy is loaded. `dyn` is content whose shape only the call knows.
 */
export const CEL_VARIABLES = {
  hookpoint: "string",
  agent: { id: "string", runId: "string", ancestors: "list<string>" },
  tenant: "string",
  user: "string",
  session: "string",
  tool: { name: "string", server: "string", originalName: "string", pin: "string", input: "dyn" },
  model: {
    provider: "string",
    name: "string",
    messages: "dyn",
    tools: "list<string>",
    maxOutputTokens: "int",
  },
  target: { name: "string", server: "string", input: "dyn" },
  api: { method: "string", scheme: "string", host: "string", port: "int", path: "string" },
  tags: "map<string, string>",
  input: "dyn",
  result: "dyn",
  isError: "bool",
  usage: {
    inputTokens: "int",
    outputTokens: "int",
    cacheReadTokens: "int",
    cacheWriteTokens: "int",
    costMicroUsd: "int",
  },
  origin: "string",
  now: "int",
  history: {
    calls: "int",
    blocked: "int",
    errors: "int",
    modelCalls: "int",
    startedAtMs: "int",
  },
} as const satisfies Readonly<Record<string, CelSchema>>;

/** The name of a variable. */
export type CelVariable = keyof typeof CEL_VARIABLES;

/**
 * The value of one variable for a call; undefined when it is absent, which an expression that needs it reports. An
 * absent object is one without fields, so that `has(tool.name)` can ask.
 */
export function valueOf(
  name: CelVariable,
  context: PolicyContext,
  session: SessionView | undefined,
): CelValue | undefined {
  switch (name) {
    case "now":
      return BigInt(Math.trunc(context.nowMs));
    case "input":
      return contentOf(inputOf(context));
    case "result":
      return contentOf(context.result);
    case "history":
      return fieldsOf(session && { ...session.counts, startedAtMs: session.startedAtMs });
    case "tags":
      return new Map(Object.entries(context.tags));
    case "agent":
    case "tool":
    case "model":
    case "target":
    case "api":
    case "usage":
      return fieldsOf(context[name]);
    case "isError":
      return context.isError ?? (context.result === undefined ? undefined : false);
    case "origin":
      return context.origin ?? "agent";
    case "hookpoint":
    case "tenant":
    case "user":
    case "session":
      return context[name];
    default:
      return assertNever(name, "CEL variable");
  }
}

function contentOf(value: JsonValue | undefined): CelValue | undefined {
  return value === undefined ? undefined : toCel(value);
}

function fieldsOf(value: Readonly<Record<keyof never, unknown>> | object | undefined): Map<string, CelValue> {
  const fields = new Map<string, CelValue>();
  for (const [field, member] of Object.entries(value ?? {})) {
    // Every member of a context or a session is JSON or absent.
    if (member !== undefined) fields.set(field, toCel(member as JsonValue));
  }
  return fields;
}
