import { RunnableBinding } from "@langchain/core/runnables";

import { OUTPUT_FIELDS } from "../call/model-facts.ts";
import { chosenModel, copyOf, isCopyable, isModel } from "../call/model-copy.ts";

/** The same limit as a setting of one call, in the words of different providers. */
const SETTINGS = [
  "maxTokens",
  "max_tokens",
  "maxOutputTokens",
  "max_output_tokens",
  "maxCompletionTokens",
  "max_completion_tokens",
];

/** A model, and the settings of one call of it. */
interface AskedModel {
  readonly model: unknown;
  readonly modelSettings?: Readonly<Record<string, unknown>>;
}

/**
 * The request with no more output than was reserved. LangChain has no setting for it that every model reads: most have
 * a field, so that a copy of the model is asked; a model without one gets the setting `maxTokens`.
 * @param maxTokens Tokens of output that are reserved for the call.
 */
export async function withOutputLimit<R extends AskedModel>(request: R, maxTokens: number): Promise<R> {
  const { modelSettings = {} } = request;
  const settings = { ...modelSettings };
  for (const name of SETTINGS) if (isAbove(settings[name], maxTokens)) settings[name] = maxTokens;
  const chat = await chosenModel(request.model);
  const model = isCopyable(chat) ? limitedCopy(chat, maxTokens) : undefined;
  // The copy is of the class of the model that it was made of.
  if (model !== undefined) return { ...request, model, modelSettings: settings };
  return { ...request, modelSettings: { ...settings, maxTokens: settings["maxTokens"] ?? maxTokens } };
}

/** A copy with the limit, also in what the model builds its own copies of; undefined where it has no such field. */
function limitedCopy(model: object, maxTokens: number): object | undefined {
  if (RunnableBinding.isRunnableBinding(model)) {
    const bound = isCopyable(model.bound) ? limitedCopy(model.bound, maxTokens) : undefined;
    return bound === undefined ? undefined : copyOf(model, { bound });
  }
  const names = OUTPUT_FIELDS.filter((name) => Object.hasOwn(model, name));
  if (names.length === 0) return undefined;
  const changed: Record<string, unknown> = {};
  for (const name of names) changed[name] = maxTokens;
  for (const [name, value] of Object.entries(model)) {
    // ChatOpenAI asks one of two models inside it, and `withConfig` builds a new one from `fields`.
    if (name === "fields") changed[name] = limitedFields(value, maxTokens);
    else if (isModel(value) && isCopyable(value)) changed[name] = limitedCopy(value, maxTokens) ?? value;
  }
  return copyOf(model, changed);
}

function limitedFields(fields: unknown, maxTokens: number): object {
  const changed: Record<string, unknown> = { maxTokens };
  if (typeof fields !== "object" || fields === null) return changed;
  // An older name, which would win.
  if ("maxCompletionTokens" in fields) changed["maxCompletionTokens"] = maxTokens;
  for (const [name, value] of Object.entries(fields)) {
    if (isModel(value) && isCopyable(value)) changed[name] = limitedCopy(value, maxTokens) ?? value;
  }
  return { ...fields, ...changed };
}

function isAbove(value: unknown, maxTokens: number): boolean {
  return typeof value === "number" && value > maxTokens;
}
