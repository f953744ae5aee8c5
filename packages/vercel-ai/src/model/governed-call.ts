import type { ResultCodec, Usage } from "@agentplane/core";

import { agentContext, modelContext, type CalledModel } from "../call/context.ts";
import { countedCall, sendCounted } from "./guarded-twice.ts";
import { withoutOwnOptions, type GovernedIdentity } from "../call/identity.ts";
import { cuttable } from "../call/native-signal.ts";
import { withAllowedOptions } from "./offered-tools.ts";
import type { GovernedPlane } from "../call/plane.ts";
import type { RetriedCalls } from "../run/retried-calls.ts";

/** What calls of all kinds of models are told beside their words. */
export interface CallParams {
  readonly providerOptions?: Readonly<Record<string, never>> | object | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Where the words of one kind of model call are. */
export interface CallWords<Params, Result> {
  /** What the model is given: rules look at it and redact it. */
  read(params: Params): unknown;
  /** The call with other words. */
  write(params: Params, words: unknown): Params;
  readonly result: ResultCodec<Result>;
  usage(result: Result): Usage | undefined;
}

/** For whom calls are decided. */
export interface CallSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly retries: RetriedCalls;
}

/**
 * Decides, runs and judges one call of a model that is no language model: it answers at once, writes nothing that could be
 * reserved, and is a step of no run.
 * @param call The model, what it was given, and how it is called.
 * @throws PolicyError for what is not allowed
 */
export async function callGoverned<Params extends CallParams, Result>(
  { plane, identity, retries }: CallSettings,
  words: CallWords<Params, Result>,
  {
    model,
    params,
    run,
  }: {
    readonly model: CalledModel["model"];
    readonly params: Params;
    readonly run: (request: Params) => PromiseLike<Result>;
  },
): Promise<Result> {
  // Options are records, whatever a kind of model calls their type.
  const given = params.providerOptions as Readonly<Record<string, unknown>> | undefined;
  const messages = words.read(params);
  // What a provider would run beside the call, such as a search for a picture.
  const agent = agentContext(identity, given);
  const { providerOptions: allowed } = await withAllowedOptions(plane, agent, { providerOptions: given });
  const attempt = retries.begin([messages, given]);
  const countedBy = countedCall({ plane, model, words: listOf(messages) });
  const outcome = await plane.guard.modelCall<Result>({
    context: modelContext(identity, {
      model,
      callId: attempt.callId,
      messages,
      maxOutputTokens: 0,
      providerOptions: given,
    }),
    countedBy,
    run: async (admission) => {
      const written = admission.isInputChanged ? words.write(params, admission.input) : params;
      const request = { ...written, providerOptions: withoutOwnOptions(allowed) ?? {} };
      const sent = { plane, model, words: listOf(words.read(request)), admission };
      return sendCounted(sent, () => run(cuttable(request, admission)));
    },
    result: words.result,
    usage: (result) => words.usage(result),
    isControlFlow: (error) => attempt.willRetry(error, params.abortSignal),
  });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

/** Values, or members, one by one: a middleware may leave one of them as it was. */
function listOf(words: unknown): readonly unknown[] {
  if (Array.isArray(words)) return words;
  return typeof words === "object" && words !== null ? Object.values(words) : [words];
}
