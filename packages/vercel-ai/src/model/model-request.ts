import type { Admission } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";

import { withoutOwnOptions } from "../call/identity.ts";
import { cuttable } from "../call/native-signal.ts";
import { writePrompt } from "../content/part-content.ts";

type Tools = NonNullable<LanguageModelV4CallOptions["tools"]>;

/**
 * The request as it was admitted: its prompt, the output that was reserved, a signal that an operator can fire, and
 * nothing of what was meant for the plane.
 */
export function admittedRequest(
  params: LanguageModelV4CallOptions,
  admission: Admission,
): LanguageModelV4CallOptions {
  const { providerOptions: _all, ...rest } = params;
  const providerOptions = withoutOwnOptions(params.providerOptions);
  const maxOutputTokens = admission.context.model?.maxOutputTokens;
  const request: LanguageModelV4CallOptions = {
    ...rest,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(providerOptions !== undefined && { providerOptions }),
    ...(admission.isInputChanged && {
      // The prompt that went in, with other texts.
      prompt: writePrompt(params.prompt, admission.input) as LanguageModelV4CallOptions["prompt"],
    }),
  };
  return cuttable(request, admission);
}

/**
 * The request with fewer tools. A choice that needs the ones that are gone is gone too.
 * @param tools What is left of the request's.
 */
export function withTools(params: LanguageModelV4CallOptions, tools: Tools): LanguageModelV4CallOptions {
  const { tools: _tools, toolChoice, ...rest } = params;
  if (tools.length === 0) return rest;
  return { ...rest, tools, ...(toolChoice !== undefined && { toolChoice }) };
}

/** The one tool the model is told to call, if it is told so. */
export function forcedTool({ toolChoice }: LanguageModelV4CallOptions): string | undefined {
  return toolChoice?.type === "tool" ? toolChoice.toolName : undefined;
}

/** Whether an answer in plain words would be an error of the SDK: it must be an object, or a tool call. */
export function isBoundToForm({ toolChoice, responseFormat }: LanguageModelV4CallOptions): boolean {
  return responseFormat?.type === "json" || toolChoice?.type === "required" || toolChoice?.type === "tool";
}
