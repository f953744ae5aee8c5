import { ConfigError } from "@agentplane/core";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { RunnableBinding } from "@langchain/core/runnables";

import { checkGoverned, type GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { hasPrivateMembers } from "../call/private-members.ts";
import { isChatModel, type ChatModel } from "./chat-model.ts";
import { governedProvider } from "./governed-provider.ts";
import { markGuarded } from "../call/guarded-mark.ts";
import type { ModelSettings } from "./model-call.ts";
import type { OnBlock } from "../call/settings.ts";

/** How a model is governed. */
export interface GuardModelOptions {
  /**
   * What a denied call becomes: `message` (default), an answer with the reason and no tool calls, which ends an agent's
   * loop; or `throw`, the plane's PolicyError.
   */
  readonly onBlock?: OnBlock;
}

/**
 * Puts a chat model under a plane, however it is called: `invoke`, `stream`, `batch`, `generate`, `streamEvents`, and
 * through whatever is made of it, `bindTools`, `withConfig`, `withStructuredOutput`, `withRetry`, `withFallbacks`,
 * `pipe`. The answer is judged before any callback hears of it.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is, and where a run says for whom it acts.
 * @param model Any chat model; not changed. A cache that it has is not used: an answer from it would be nobody's call.
 * @returns A model of the same class.
 * @throws ConfigError for a member or an option that does not exist, an empty name, or a choice that is none
 * @example const model = guardModel(plane, { agent: "billing" }, new ChatOpenAI({ model: "gpt-5" })).bindTools(tools);
 */
export function guardModel<M extends BaseChatModel>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  model: M,
  options: GuardModelOptions = {},
): M {
  checkGoverned("guardModel", identity);
  const onBlock = onBlockIn(options);
  // A proxy is of the class of what it stands for.
  return createModelGuard({ plane, identity, onBlock })(model) as M;
}

/** A misspelt option would make an answer of what was to be thrown. */
function onBlockIn(options: GuardModelOptions): OnBlock {
  const { onBlock = "message" } = options;
  const issues = Object.keys(options)
    .filter((path) => path !== "onBlock")
    .map((path) => ({ path, message: "unknown option", suggestion: "did you mean onBlock?" }));
  if (!["message", "throw"].includes(onBlock)) {
    const suggestion = 'use "message" or "throw"';
    issues.push({ path: "onBlock", message: `"${onBlock}" is not a choice`, suggestion });
  }
  if (issues.length > 0) throw new ConfigError("guardModel", issues);
  return onBlock;
}

/** What a class of its own may be asked on its own object, because it calls no provider. */
const DESCRIBING: ReadonlySet<string> = new Set([
  "bindTools",
  "getLsParams",
  "getLsParamsWithDefaults",
  "getName",
  "getNumTokens",
  "identifyingParams",
  "invocationParams",
  "serialize",
  "_combineLLMOutput",
  "_getCallOptionsForTracing",
  "_getInvocationParamsForTracing",
  "_identifyingParams",
  "_llmType",
  "_modelType",
]);

function createModelGuard(settings: ModelSettings): (model: ChatModel) => ChatModel {
  const known = new WeakMap<object, ChatModel>();
  const guard = (model: ChatModel): ChatModel => {
    const found = known.get(model);
    if (found !== undefined) return found;
    const proxy = guarded(settings, model, again);
    known.set(model, proxy);
    known.set(proxy, proxy);
    return proxy;
  };
  // Whatever a model gives of itself: ChatOpenAI makes new models in `bindTools`, others bind themselves.
  const again = (value: unknown): unknown => {
    if (isChatModel(value)) return guard(value);
    if (value instanceof Promise) return value.then(again);
    if (typeof value !== "object" || value === null) return value;
    if (!RunnableBinding.isRunnableBinding(value) || !isChatModel(value.bound)) return value;
    const bound = guard(value.bound);
    if (bound === value.bound) return value;
    const prototype: object | null = Object.getPrototypeOf(value);
    return Object.assign(Object.create(prototype), value, { bound });
  };
  return guard;
}

function guarded(settings: ModelSettings, model: ChatModel, again: (value: unknown) => unknown): ChatModel {
  const provider = governedProvider(settings, model);
  const isPrivate = hasPrivateMembers(model);
  const isStreaming = model._streamResponseChunks !== BaseChatModel.prototype._streamResponseChunks;
  const replaced = new Map<string | symbol, unknown>([
    ["_generate", provider.generate],
    ["_streamResponseChunks", isStreaming ? provider.stream : BaseChatModel.prototype._streamResponseChunks],
    // The provider's own events bypass its chunks; the base class makes events of the governed ones.
    ["_streamChatModelEvents", BaseChatModel.prototype._streamChatModelEvents],
    ["cache", undefined],
    ["toJSON", () => markGuarded(model.toJSON())],
  ]);
  const proxy = new Proxy(model, {
    get(target, name) {
      if (replaced.has(name)) return replaced.get(name);
      // Getters are read on the model itself, whose class may have private members.
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return again(value);
      if (name === "constructor" || value === Reflect.get(BaseChatModel.prototype, name)) return value;
      // With the proxy as `this`, so that what a method calls is governed too; a private member then fails, loudly.
      const isOwn = isPrivate && typeof name === "string" && DESCRIBING.has(name);
      return function (this: unknown, ...args: readonly unknown[]): unknown {
        return again(Reflect.apply(value, isOwn ? target : this, args));
      };
    },
  });
  return markGuarded(proxy);
}
