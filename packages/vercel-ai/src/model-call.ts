import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import type { ToolSet } from "ai";

import { modelContext } from "./context.ts";
import type { GovernedIdentity } from "./identity.ts";
import { denialForm, substituteResult, type Denial, type DenialForm } from "./model-denial.ts";
import { admittedRequest } from "./model-request.ts";
import { MODEL_RESULT } from "./model-result.ts";
import { usageOf } from "./model-usage.ts";
import { whenAnswered } from "./nested-wait.ts";
import { offerTools } from "./offered-tools.ts";
import { readPrompt } from "./part-content.ts";
import type { GovernedPlane } from "./plane.ts";
import type { Attempt, RetriedCalls } from "./retried-calls.ts";

/** What every call of one guarded model shares. */
export interface ModelSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly onDenied: "auto" | DenialForm;
  readonly tools: ToolSet;
  readonly retries: RetriedCalls;
}

/** Decides, runs and judges one call that answers at once. */
export async function generateGoverned(
  settings: ModelSettings,
  model: LanguageModelV4,
  params: LanguageModelV4CallOptions,
): Promise<LanguageModelV4GenerateResult> {
  const deny = (denial: Denial): LanguageModelV4GenerateResult => {
    if (denialForm("generate", params, settings.onDenied) === "throw") throw denial.error;
    return substituteResult(denial);
  };
  const offered = await offerTools(settings, params);
  if ("denial" in offered) return deny(offered.denial);
  const attempt = settings.retries.begin([params.prompt, params.providerOptions]);
  const outcome = await whenAnswered(settings.plane, params.abortSignal, () =>
    settings.plane.guard.modelCall<LanguageModelV4GenerateResult>({
      context: callContext(settings, { model, params: offered.params, attempt }),
      run: async (admission) => model.doGenerate(admittedRequest(offered.params, admission)),
      result: MODEL_RESULT,
      usage: (result) => usageOf(result.usage),
      isControlFlow: (error) => attempt.willRetry(error, params.abortSignal),
    }),
  );
  return outcome.status === "ran" ? outcome.result : deny(outcome);
}

/** What this call is, in the plane's words. */
export function callContext(
  { identity }: ModelSettings,
  {
    model,
    params,
    attempt,
  }: {
    readonly model: LanguageModelV4;
    readonly params: LanguageModelV4CallOptions;
    readonly attempt: Attempt;
  },
): ReturnType<typeof modelContext> {
  const { prompt, tools = [], maxOutputTokens, providerOptions } = params;
  return modelContext(identity, {
    model,
    callId: attempt.callId,
    messages: readPrompt(prompt),
    tools: tools.map(({ name }) => name),
    maxOutputTokens,
    providerOptions,
  });
}
