import type { AllOf } from "../base/all-of.ts";
import { isUsableAmount, type Usage, type USAGE_FIELDS } from "../base/model-costs.ts";
import { normaliseApiCall, urlOf } from "./api-call.ts";
import type { AgentIdentity, ApiCall, ModelCall, Target, ToolCall } from "./context.ts";
import type { AgentInit, ApiInit, ModelInit, TargetInit, ToolInit } from "./context-init.ts";
import { identityText, invalid } from "./identity-text.ts";
import {
  AGENT_FIELDS,
  API_CALL_FIELDS,
  API_URL_FIELDS,
  MODEL_FIELDS,
  requireKnownFields,
  TARGET_FIELDS,
  TOOL_FIELDS,
} from "./known-fields.ts";
import { snapshot } from "./snapshot.ts";

type Draft<T> = { -readonly [Field in keyof T]: T[Field] };

/** A resource's name is a URI, which may carry a query. */
const MAX_TARGET_CHARS = 4096;

/** More would be a loop of agents that call each other, not a lineage. */
const MAX_ANCESTORS = 256;

const NO_ANCESTORS: readonly string[] = Object.freeze([]);
const NO_TAGS: Readonly<Record<string, string>> = Object.freeze(
  Object.create(null) as Record<string, string>,
);

/** Reads who acts. @throws AgentplaneError `context_invalid` */
export function agentOf(agent: string | AgentInit): AgentIdentity {
  if (typeof agent === "string") return agents.get(agent) ?? knownAgent(agent);
  requireObject(agent, "agent", "must be an id, or an object with an id");
  requireKnownFields(agent, AGENT_FIELDS);
  const draft: Draft<AgentIdentity> = { id: identityText(agent.id, "agent.id"), ancestors: NO_ANCESTORS };
  if (agent.ancestors !== undefined) draft.ancestors = textList(agent.ancestors, "agent.ancestors");
  if (draft.ancestors.length > MAX_ANCESTORS)
    throw invalid("agent.ancestors", `must be at most ${MAX_ANCESTORS}`);
  if (agent.runId !== undefined) draft.runId = identityText(agent.runId, "agent.runId");
  return Object.freeze(draft);
}

const MAX_KNOWN_AGENTS = 1_024;
/** An agent that is nothing but its id is the same at every call. */
const agents = new Map<string, AgentIdentity>();

function knownAgent(id: string): AgentIdentity {
  const agent = Object.freeze({ id: identityText(id, "agent"), ancestors: NO_ANCESTORS });
  if (agents.size >= MAX_KNOWN_AGENTS) agents.clear();
  agents.set(id, agent);
  return agent;
}

/** Reads a tool call. @throws AgentplaneError `context_invalid`, `content_refused` */
export function toolOf(tool: string | ToolInit): ToolCall {
  if (typeof tool === "string") return Object.freeze({ name: identityText(tool, "tool") });
  requireObject(tool, "tool", "must be a name, or an object with a name");
  requireKnownFields(tool, TOOL_FIELDS);
  const name = identityText(tool.name, "tool.name");
  // Read once: a getter must not show one input to the check and another to the snapshot.
  const { input } = tool;
  // What is added to a literal takes a second object.
  const draft: Draft<ToolCall> = input === undefined ? { name } : { name, input: snapshot(input) };
  if (tool.server !== undefined) draft.server = identityText(tool.server, "tool.server");
  if (tool.originalName !== undefined)
    draft.originalName = identityText(tool.originalName, "tool.originalName");
  if (tool.pin !== undefined) draft.pin = identityText(tool.pin, "tool.pin");
  return Object.freeze(draft);
}

/** Reads a model call. @throws AgentplaneError `context_invalid`, `content_refused` */
export function modelOf(model: ModelInit): ModelCall {
  requireObject(model, "model", "must be an object with a name");
  requireKnownFields(model, MODEL_FIELDS);
  const draft: Draft<ModelCall> = {
    name: identityText(model.name, "model.name"),
    messages: snapshot(model.messages ?? NO_MESSAGES),
  };
  if (model.provider !== undefined) draft.provider = identityText(model.provider, "model.provider");
  if (model.tools !== undefined) draft.tools = textList(model.tools, "model.tools");
  const { maxOutputTokens } = model;
  if (maxOutputTokens !== undefined) {
    if (!Number.isSafeInteger(maxOutputTokens) || maxOutputTokens < 0) {
      throw invalid("model.maxOutputTokens", "must be a whole number of tokens, 0 or more");
    }
    draft.maxOutputTokens = maxOutputTokens;
  }
  return Object.freeze(draft);
}

const NO_MESSAGES = snapshot([]);

/** Reads what another action aims at. @throws AgentplaneError `context_invalid`, `content_refused` */
export function targetOf(target: TargetInit): Target {
  requireObject(target, "target", "must be an object with a name");
  requireKnownFields(target, TARGET_FIELDS);
  const draft: Draft<Target> = {
    name: identityText(target.name, "target.name", MAX_TARGET_CHARS),
  };
  const { input } = target;
  if (input !== undefined) draft.input = snapshot(input);
  if (target.server !== undefined) draft.server = identityText(target.server, "target.server");
  return Object.freeze(draft);
}

/** Reads an HTTP call, normalised. @throws AgentplaneError `context_invalid` for one that cannot be judged */
export function apiOf(api: ApiInit | ApiCall): ApiCall {
  requireObject(api, "api", "must be an object with a method and a url");
  requireKnownFields(api, "url" in api ? API_URL_FIELDS : API_CALL_FIELDS);
  // One that is normalised already goes the same way again: nobody can hand in a path that means another.
  const normal = normaliseApiCall(api.method, "url" in api ? api.url : urlOf(api));
  if ("refused" in normal) throw invalid("api", `is not a call that can be judged: ${normal.refused}`);
  return normal;
}

/** Reads tags. @throws AgentplaneError `context_invalid` */
export function tagsOf(tags: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  if (tags === undefined) return NO_TAGS;
  requireObject(tags, "tags", "must be an object of texts");
  const draft = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(tags)) {
    const field = "a tag";
    // A tag may be there without saying anything more.
    draft[identityText(name, field)] = value === "" ? value : identityText(value, field);
  }
  return Object.freeze(draft);
}

/**
 * Reads a usage. What is no count, or cannot be read, is left out, never an error: the call has happened and must be
 * settled, then at its estimate.
 * @param usage As reported; a provider that says null says nothing.
 */
export function usageOf(usage: Usage | null): Usage | undefined {
  if (usage === null) return undefined;
  const draft: Draft<Usage> = {};
  try {
    addCounts(draft, usage);
  } catch {
    // A getter or a proxy: what it did not say is charged at the estimate, and flagged.
  }
  return Object.freeze(draft);
}

/** Member by member: by a name out of a list each would be looked up anew, 0.3 % of a governed call. */
function addCounts(draft: Draft<Usage>, usage: AllOf<Usage, (typeof USAGE_FIELDS)[number]>): void {
  const inputTokens = countOf(usage.inputTokens);
  if (inputTokens !== undefined) draft.inputTokens = inputTokens;
  const outputTokens = countOf(usage.outputTokens);
  if (outputTokens !== undefined) draft.outputTokens = outputTokens;
  const cacheReadTokens = countOf(usage.cacheReadTokens);
  if (cacheReadTokens !== undefined) draft.cacheReadTokens = cacheReadTokens;
  const cacheWriteTokens = countOf(usage.cacheWriteTokens);
  if (cacheWriteTokens !== undefined) draft.cacheWriteTokens = cacheWriteTokens;
  const costMicroUsd = countOf(usage.costMicroUsd);
  if (costMicroUsd !== undefined) draft.costMicroUsd = costMicroUsd;
}

function countOf(count: unknown): number | undefined {
  return isUsableAmount(count) ? Math.ceil(count) : undefined;
}

function textList(texts: readonly string[], field: string): readonly string[] {
  if (!Array.isArray(texts)) throw invalid(field, "must be a list of names");
  return Object.freeze(texts.map((text: string, position) => identityText(text, `${field}[${position}]`)));
}

function requireObject(value: unknown, field: string, why: string): void {
  if (typeof value !== "object" || value === null) throw invalid(field, why);
}
