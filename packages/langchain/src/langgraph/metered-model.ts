import type { GuardInit, Usage } from "@agentplane/core";
import { AIMessage, HumanMessage, type BaseMessage } from "@langchain/core/messages";
import type { Generation, LLMResult } from "@langchain/core/outputs";

import { identityOf, type GovernedIdentity, type RunFacts } from "../call/identity.ts";
import { withoutTokens } from "../content/log-probabilities.ts";
import { isPlainObject, readContent } from "../content/message-content.ts";
import { usageOf } from "../call/model-facts.ts";

type Members = Readonly<Record<string, unknown>>;

/** What a callback handler is told of a model call that starts. */
export interface StartedModel {
  readonly run: RunFacts;
  /** How the model describes itself. */
  readonly llm: unknown;
  /** Messages, or the texts of a model of texts. */
  readonly prompt: readonly (BaseMessage | string)[];
  readonly extra: Members | undefined;
  readonly metadata: Members | undefined;
}

/** What a model call is, in the plane's words, as far as a callback handler is told. */
export function startedContext(
  identity: GovernedIdentity,
  { run, llm, prompt, extra, metadata = {} }: StartedModel,
): GuardInit & { readonly model: { readonly name: string } } {
  const { ls_provider: provider, ls_model_name: name, ls_max_tokens: limit } = metadata;
  const params = membersOf(extra?.["invocation_params"]);
  const fields = membersOf(membersOf(llm)["kwargs"]);
  const names = [name, params["model"], params["model_name"], fields["model"], fields["modelName"]];
  const limits = [limit, params["max_tokens"], fields["maxTokens"]];
  const maxOutputTokens = limits.find((one) => typeof one === "number" && one > 0);
  return {
    hookpoint: "before_model_call",
    ...identityOf(identity, run),
    model: {
      ...(typeof provider === "string" && { provider }),
      name: names.find((one) => typeof one === "string" && one !== "") ?? "unknown",
      // The search above only lets numbers through.
      ...(maxOutputTokens !== undefined && { maxOutputTokens: maxOutputTokens as number }),
      messages: readContent(
        prompt.map((one): BaseMessage => (typeof one === "string" ? new HumanMessage(one) : one)),
      ),
      tools: offeredIn(extra),
    },
  } as GuardInit & { readonly model: { readonly name: string } };
}

/**
 * What of the end of a model call is judged: its message; of a model of texts a message with the text; of several
 * answers all of them, read and written by their members.
 * @param isHeldBack Whether a rule looks at it: then with what stands beside a message, which may repeat its text token
 * by token.
 */
export function endedAnswer({ generations }: LLMResult, isHeldBack: boolean): AIMessage {
  const answers = generations.flat().map((generation) => {
    const message = messageOf(generation) ?? new AIMessage(generation.text);
    if (isHeldBack && generation.generationInfo !== undefined) {
      message.response_metadata = withoutTokens({
        ...generation.generationInfo,
        ...message.response_metadata,
      });
      delete generation.generationInfo;
    }
    return message;
  });
  const [only = new AIMessage("")] = answers;
  const several: object = { messages: answers };
  return answers.length > 1 ? (several as AIMessage) : only;
}

/** Puts the answer in the place of what LangChain hands on: the very objects that the caller gets. */
export function putAnswer({ generations }: LLMResult, answer: AIMessage): void {
  const answers = AIMessage.isInstance(answer) ? [answer] : (answer as { messages: AIMessage[] }).messages;
  for (const [at, generation] of generations.flat().entries()) {
    const message = answers[at] ?? answers[0];
    if (message === undefined) continue;
    generation.text = message.text;
    if ("message" in generation) generation.message = message;
  }
}

/** Tokens that a call used, as the provider of a chat or of texts reports them. */
export function endedUsage({ generations, llmOutput }: LLMResult): Usage | undefined {
  const [first] = generations.flat();
  const message = first === undefined ? undefined : messageOf(first);
  if (message !== undefined) return usageOf(message);
  for (const told of [llmOutput, first?.generationInfo]) {
    const members = membersOf(told);
    for (const name of ["tokenUsage", "usage_metadata", "usage"]) {
      const usage = tokensIn(membersOf(members[name]));
      if (usage !== undefined) return usage;
    }
  }
  return undefined;
}

/** Whether an answer came in pieces. */
export function isStreamed({ generations }: LLMResult): boolean {
  return generations.flat().some((one) => "concat" in one);
}

function messageOf(generation: Generation): AIMessage | undefined {
  return "message" in generation && AIMessage.isInstance(generation.message) ? generation.message : undefined;
}

function tokensIn(usage: Members): Usage | undefined {
  const inputTokens = usage["promptTokens"] ?? usage["prompt_tokens"] ?? usage["input_tokens"];
  const outputTokens = usage["completionTokens"] ?? usage["completion_tokens"] ?? usage["output_tokens"];
  if (typeof inputTokens !== "number" || typeof outputTokens !== "number") return undefined;
  return { inputTokens, outputTokens };
}

/** Names of the tools that a model is offered, as its options say. */
function offeredIn(extra: Members | undefined): readonly string[] {
  const { tools } = membersOf(extra?.["options"]);
  return Array.isArray(tools) ? tools.flatMap(nameIn) : [];
}

function nameIn(tool: unknown): readonly string[] {
  const described = membersOf(membersOf(tool)["function"] ?? tool);
  return typeof described["name"] === "string" ? [described["name"]] : [];
}

function membersOf(value: unknown): Members {
  if (isPlainObject(value)) return value;
  // Any object may be asked for a member; what comes back is checked.
  return typeof value === "object" && value !== null ? (value as Members) : {};
}
