import { suggest } from "../base/did-you-mean.ts";
import { USAGE_FIELDS } from "../base/model-costs.ts";
import { invalid } from "./identity-text.ts";
import type { IdentityClaim } from "./identity.ts";
import type { AgentInit, ApiInit, ContextInit, ModelInit, TargetInit, ToolInit } from "./context-init.ts";
import type { ApiCall } from "./context.ts";

/** The fields that an object of a description may have, and where the object stands in it. */
export interface KnownFields {
  /** Such as `tool`; empty for the description itself. */
  readonly where: string;
  readonly names: ReadonlySet<string>;
}

/** What a description itself may say. */
export const CONTEXT_FIELDS = fieldsOf<ContextInit>("", {
  hookpoint: true,
  agent: true,
  tenant: true,
  user: true,
  session: true,
  callId: true,
  questionId: true,
  approvalFor: true,
  tool: true,
  model: true,
  target: true,
  result: true,
  isError: true,
  usage: true,
  api: true,
  tags: true,
  origin: true,
  traceId: true,
  nowMs: true,
});

export const AGENT_FIELDS = fieldsOf<AgentInit>("agent", { id: true, runId: true, ancestors: true });

export const TOOL_FIELDS = fieldsOf<ToolInit>("tool", {
  name: true,
  server: true,
  originalName: true,
  input: true,
  pin: true,
});

export const MODEL_FIELDS = fieldsOf<ModelInit>("model", {
  provider: true,
  name: true,
  messages: true,
  tools: true,
  maxOutputTokens: true,
});

export const USAGE_MEMBERS: KnownFields = Object.freeze({
  where: "usage",
  names: new Set<string>(USAGE_FIELDS),
});

export const TARGET_FIELDS = fieldsOf<TargetInit>("target", { name: true, server: true, input: true });

export const API_URL_FIELDS = fieldsOf<ApiInit>("api", { method: true, url: true });

export const API_CALL_FIELDS = fieldsOf<ApiCall>("api", {
  method: true,
  host: true,
  path: true,
  scheme: true,
  port: true,
});

/**
 * What one source may say about who acts.
 * @param where The source, as its caller knows it.
 */
export function claimFields(where: string): KnownFields {
  return fieldsOf<IdentityClaim>(where, {
    agent: true,
    tenant: true,
    user: true,
    session: true,
    runId: true,
    ancestors: true,
  });
}

/**
 * Refuses a field that does not exist: a `tennant` passed over in silence would be a call of nobody's, which no policy of
 * that tenant meets. Inherited fields count, as they do where fields are read; what a description is asked for most, so
 * neither a list of its names nor a closure is made.
 * @throws AgentplaneError `context_invalid` naming the field, and the one that was probably meant
 */
export function requireKnownFields(given: object, known: KnownFields): void {
  const { names } = known;
  for (const name in given) if (!names.has(name)) throw unknownField(name, known);
}

function unknownField(name: string, { where, names }: KnownFields): Error {
  const field = name.slice(0, 64);
  const place = where === "" ? "a context" : where;
  return invalid(
    where === "" ? field : `${where}.${field}`,
    `is no field of ${place}; ${suggest(field, [...names])}`,
  );
}

/** Every field of the type, so that a new one cannot be forgotten here. */
function fieldsOf<T>(where: string, fields: Readonly<Record<keyof T & string, true>>): KnownFields {
  return Object.freeze({ where, names: new Set(Object.keys(fields)) });
}
