import { AgentplaneError, type NamedTool } from "@agentplane/core";
import { RunnableBinding } from "@langchain/core/runnables";

import { chosenModel, copyOf, isCopyable, isModel } from "../call/model-copy.ts";
import { keptSettings, settingTools, type Keep } from "./setting-tools.ts";

/**
 * Where a model keeps what it adds to each of its requests: ChatOpenAI (`modelKwargs`, and `defaultOptions` of
 * `withConfig`), ChatAnthropic (`invocationKwargs`), bindings, and `initChatModel` before it has chosen.
 */
const PLACES = ["modelKwargs", "invocationKwargs", "defaultOptions", "kwargs", "config", "_defaultConfig"];
/** Offers that are fields of a model itself. */
const FIELDS = ["searchParameters", "webSearchOptions", "mcpServers", "plugins", "connectors"];

type Members = Readonly<Record<string, unknown>>;

/** Tools of a provider that a model offers in each of its requests, whatever a call says. */
export function modelTools(model: unknown): readonly NamedTool[] {
  if (!isObject(model)) return [];
  const own = ownSettings(model);
  const placed = PLACES.flatMap((name) => {
    const settings = model[name];
    if (!isObject(settings)) return [];
    return name === "_defaultConfig" ? modelTools(settings) : settingTools(settings);
  });
  return [...settingTools(own), ...placed, ...modelTools(model["bound"])];
}

/**
 * A copy of a model that offers only what may stay.
 * @throws AgentplaneError `usage_invalid` for a model that cannot be copied: it would offer the rest.
 */
export async function keptModel<M>(model: M, keep: Keep): Promise<M> {
  const chosen = await chosenModel(model);
  const kept = isCopyable(chosen) ? keptCopy(chosen, keep) : undefined;
  if (kept !== undefined && modelTools(kept).every(keep)) return kept as M;
  throw new AgentplaneError(
    "usage_invalid",
    "the model itself offers a tool of its provider that may not be called, and cannot be copied without it; " +
      "offer it in the call's tools instead",
  );
}

function keptCopy(model: object, keep: Keep): object {
  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(model)) {
    const next = name === "fields" && isObject(value) ? keptCopy(value, keep) : keptMember(name, value, keep);
    if (next !== value) changed[name] = next;
  }
  return Object.keys(changed).length === 0 ? model : copyOf(model, changed);
}

function keptMember(name: string, value: unknown, keep: Keep): unknown {
  if (FIELDS.includes(name)) return keptSettings({ [name]: value }, keep)[name];
  if (!isObject(value)) return value;
  if (PLACES.includes(name)) return keptSettings(value, keep);
  const isInside = name === "bound" || isModel(value) || RunnableBinding.isRunnableBinding(value);
  return isInside && isCopyable(value) ? keptCopy(value, keep) : value;
}

function ownSettings(model: Members): Members {
  return Object.fromEntries(
    FIELDS.flatMap((name) => (model[name] === undefined ? [] : [[name, model[name]]])),
  );
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null;
}
