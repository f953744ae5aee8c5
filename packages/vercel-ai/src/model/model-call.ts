import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import type { ToolSet } from "ai";

import type { AgentRun } from "../run/agent-run.ts";
import { saidOf, type RunOptions } from "../call/call-identity.ts";
import { modelContext } from "../call/context.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { countedCall, sendCounted } from "./guarded-twice.ts";
import type { Denial } from "../call/denial.ts";
import { denialForm, substituteResult, type DenialForm } from "./model-denial.ts";
import { admittedRequest } from "./model-request.ts";
import { MODEL_RESULT, withoutCopy } from "./model-result.ts";
import { usageOf } from "../content/model-usage.ts";
import { whenAnswered } from "../call/nested-wait.ts";
import { offerTools } from "./offered-tools.ts";
import { readPrompt } from "../content/part-content.ts";
import type { GovernedPlane } from "../call/plane.ts";
import type { Attempt, RetriedCalls } from "../run/retried-calls.ts";
import { isEndOf, RUN_ANSWER } from "./run-answer.ts";

/** What every call of one guarded model shares. */
export interface ModelSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly onDenied: "auto" | DenialForm;
  readonly tools: ToolSet;
  readonly retries: RetriedCalls;
  /** Who acts in the run, which its steps do not change; absent where each call says for itself. */
  readonly ofRun?: RunOptions;
  /** The run that a call is a step of; absent where nobody tells of runs. */
  readonly runOf?: (attempt: Attempt, params: LanguageModelV4CallOptions) => AgentRun;
}

/** Decides, runs and judges one call that answers at once. */
export async function generateGoverned(
  settings: ModelSettings,
  model: LanguageModelV4,
  params: LanguageModelV4CallOptions,
): Promise<LanguageModelV4GenerateResult> {
  const { plane } = settings;
  const attempt = settings.retries.begin([params.prompt, params.providerOptions]);
  const run = settings.runOf?.(attempt, params);
  const deny = async (denial: Denial): Promise<LanguageModelV4GenerateResult> => {
    if (denialForm("generate", params, settings.onDenied) === "throw") {
      await run?.fail(denial.error);
      throw denial.error;
    }
    await run?.end(null);
    return substituteResult(denial);
  };
  const offered = await offerTools(settings, params, run);
  if ("denial" in offered) return deny(offered.denial);
  const countedBy = countedCall({ plane, model, words: params.prompt });
  let isRetried = false;
  try {
    const outcome = await whenAnswered(plane, params.abortSignal, () =>
      plane.guard.modelCall<LanguageModelV4GenerateResult>({
        context: callContext(settings, { model, params: offered.params, attempt }),
        countedBy,
        run: async (admission) => {
          const request = admittedRequest(offered.params, admission);
          const result = await sendCounted({ plane, model, words: request.prompt, admission }, () =>
            model.doGenerate(request),
          );
          const { holdBack, redact } = plane.guard.streamDuties(admission);
          // Like the raw parts of a stream: no rule reads it, and it may say more than the answer.
          return holdBack !== 0 || redact.length > 0 ? withoutCopy(result) : result;
        },
        result: MODEL_RESULT,
        usage: (result) => usageOf(result.usage),
        isControlFlow: (error) => (isRetried = attempt.willRetry(error, params.abortSignal)),
      }),
    );
    if (outcome.status !== "ran") return await deny(outcome);
    if (run === undefined || !isEndOf(run, outcome.result.content)) return outcome.result;
    const end = await run.end(outcome.result, RUN_ANSWER);
    return "denial" in end ? await deny(end.denial) : end.result;
  } catch (error) {
    if (!isRetried) await run?.fail(error);
    throw error;
  }
}

/** What this call is, in the plane's words. */
export function callContext(
  settings: ModelSettings,
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
  const { prompt, tools = [], maxOutputTokens } = params;
  return modelContext(settings.identity, {
    model,
    callId: attempt.callId,
    messages: readPrompt(prompt),
    tools: tools.map(({ name }) => name),
    maxOutputTokens,
    providerOptions: saidOf(settings.ofRun, params.providerOptions),
  });
}
