import type {
  SpeechModelV4,
  SpeechModelV4CallOptions,
  SpeechModelV4Result,
  TranscriptionModelV4,
  TranscriptionModelV4CallOptions,
  TranscriptionModelV4Result,
} from "@ai-sdk/provider";

import { callGoverned, type CallSettings, type CallWords } from "./governed-call.ts";
import { markGuarded, unguarded } from "../call/guarded-mark.ts";

/** A speech model behind the plane: what is to be said is decided and redacted first. A stream of it is not offered. */
export function guardedSpeech(settings: CallSettings, model: SpeechModelV4): SpeechModelV4 {
  const { plane } = settings;
  const own = unguarded(model, plane);
  const { specificationVersion, provider, modelId } = own;
  const guarded: SpeechModelV4 = {
    specificationVersion,
    provider,
    modelId,
    doGenerate: (params) =>
      callGoverned(settings, SPEECH, { model: own, params, run: (request) => own.doGenerate(request) }),
  };
  return markGuarded(guarded, { plane, original: own });
}

/** A transcription model behind the plane: sound goes in unjudged, the words that come out are judged and redacted. */
export function guardedTranscription(
  settings: CallSettings,
  model: TranscriptionModelV4,
): TranscriptionModelV4 {
  const { plane } = settings;
  const own = unguarded(model, plane);
  const { specificationVersion, provider, modelId } = own;
  const guarded: TranscriptionModelV4 = {
    specificationVersion,
    provider,
    modelId,
    doGenerate: (params) =>
      callGoverned(settings, TRANSCRIPTION, {
        model: own,
        params,
        run: (request) => own.doGenerate(request),
      }),
  };
  return markGuarded(guarded, { plane, original: own });
}

/** What is said, and how: both are words for the provider. */
type Said = Pick<SpeechModelV4CallOptions, "text" | "instructions">;

const SPEECH: CallWords<SpeechModelV4CallOptions, SpeechModelV4Result> = {
  read: ({ text, instructions }) => ({ text, ...(instructions !== undefined && { instructions }) }),
  // The members that were read, with other texts.
  write: (params, words) => ({ ...params, ...(words as Said) }),
  result: { read: ({ audio }) => ({ size: audio.length }), write: (result) => result },
  usage: () => undefined,
};

const TRANSCRIPTION: CallWords<TranscriptionModelV4CallOptions, TranscriptionModelV4Result> = {
  read: ({ audio, mediaType }) => ({ size: audio.length, mediaType }),
  // There are no words to change.
  write: (params) => params,
  result: {
    read: ({ text, segments, providerMetadata }) => ({
      text,
      segments: segments.map((segment) => segment.text),
      ...(providerMetadata !== undefined && { providerMetadata }),
    }),
    write(result, changed) {
      const { text, providerMetadata } = changed as Pick<
        TranscriptionModelV4Result,
        "text" | "providerMetadata"
      >;
      const { words: _words, response, ...rest } = result;
      const { body: _body, ...about } = response;
      // What repeats the words piece by piece would repeat what the text no longer says.
      return {
        ...rest,
        text,
        segments: [],
        response: about,
        ...(providerMetadata !== undefined && { providerMetadata }),
      };
    },
  },
  usage: () => undefined,
};
