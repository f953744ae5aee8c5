import { PolicyError } from "@agentplane/core";
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";

import { countedCall, sendCounted } from "./guarded-twice.ts";
import { readParts, toReadableStream, type StoppableParts } from "./governed-stream.ts";
import { callContext, type ModelSettings } from "./model-call.ts";
import type { Denial } from "../call/denial.ts";
import { denialForm, substituteParts } from "./model-denial.ts";
import { admittedRequest } from "./model-request.ts";
import { whenAnswered } from "../call/nested-wait.ts";
import { offerTools } from "./offered-tools.ts";
import { createPartCodec } from "./part-codec.ts";
import { endingRun } from "./run-answer.ts";

/** Decides and runs one streamed call; what it gives is judged on its way. */
export async function streamGoverned(
  settings: ModelSettings,
  model: LanguageModelV4,
  params: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamResult> {
  const { plane } = settings;
  const form = denialForm("stream", params, settings.onDenied);
  const attempt = settings.retries.begin([params.prompt, params.providerOptions]);
  const run = settings.runOf?.(attempt, params);
  const deny = async (denial: Denial): Promise<LanguageModelV4StreamResult> => {
    if (form === "throw") {
      await run?.fail(denial.error);
      throw denial.error;
    }
    await run?.end(null);
    return { stream: streamOf(substituteParts(denial)) };
  };
  const offered = await offerTools(settings, params, run);
  if ("denial" in offered) return deny(offered.denial);
  const opening = createOpening();
  const countedBy = countedCall({ plane, model, words: params.prompt });
  let isRetried = false;
  try {
    const governed = await whenAnswered(plane, params.abortSignal, () =>
      plane.guard.modelStream<LanguageModelV4StreamPart>({
        context: callContext(settings, { model, params: offered.params, attempt }),
        countedBy,
        run: async (admission) => {
          const request = admittedRequest(offered.params, admission);
          const send = (): PromiseLike<LanguageModelV4StreamResult> => model.doStream(request);
          return opening.opened(await sendCounted({ plane, model, words: request.prompt, admission }, send));
        },
        codec: createPartCodec(params.tools),
        isControlFlow: (error) =>
          (isRetried = !opening.isOpen && attempt.willRetry(error, params.abortSignal)),
      }),
    );
    if ("status" in governed) return await deny(governed);
    const judged = run === undefined ? governed : endingRun(run, governed, () => isRetried);
    const parts = judged[Symbol.asyncIterator]();
    const first = parts.next();
    // The provider's own refusal must be this call's error, so that the SDK can try again.
    const { stream: _raw, ...about } = await Promise.race([opening.result, first.then(() => opening.result)]);
    return { ...about, stream: toReadableStream({ parts, first, form, stopSource: opening.stop }) };
  } catch (error) {
    if (error instanceof PolicyError)
      return deny({ message: error.message, decision: error.decision, error });
    if (!isRetried) await run?.fail(error);
    throw error;
  }
}

/** The moment when the provider has answered, and its stream begins. */
interface Opening {
  readonly result: Promise<LanguageModelV4StreamResult>;
  readonly isOpen: boolean;
  opened(result: LanguageModelV4StreamResult): StoppableParts;
  stop(reason: unknown): void;
}

function createOpening(): Opening {
  let resolve: ((result: LanguageModelV4StreamResult) => void) | undefined;
  const promise = new Promise<LanguageModelV4StreamResult>((opened) => {
    resolve = opened;
  });
  let source: StoppableParts | undefined;
  return {
    result: promise,
    get isOpen() {
      return source !== undefined;
    },
    opened(result) {
      source = readParts(result.stream);
      resolve?.(result);
      return source;
    },
    stop: (reason) => source?.stop(reason),
  };
}

function streamOf(parts: readonly LanguageModelV4StreamPart[]): ReadableStream<LanguageModelV4StreamPart> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}
