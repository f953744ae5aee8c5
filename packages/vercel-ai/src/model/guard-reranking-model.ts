import type { RerankingModelV4, RerankingModelV4CallOptions, RerankingModelV4Result } from "@ai-sdk/provider";

import { callGoverned, type CallSettings, type CallWords } from "./governed-call.ts";
import { markGuarded, unguarded } from "../call/guarded-mark.ts";

/** A reranking model behind the plane: the question and the documents are decided and redacted first. */
export function guardedReranking(settings: CallSettings, model: RerankingModelV4): RerankingModelV4 {
  const { plane } = settings;
  const own = unguarded(model, plane);
  const { specificationVersion, provider, modelId } = own;
  const guarded: RerankingModelV4 = {
    specificationVersion,
    provider,
    modelId,
    doRerank: (params) =>
      callGoverned(settings, WORDS, { model: own, params, run: (request) => own.doRerank(request) }),
  };
  return markGuarded(guarded, { plane, original: own });
}

const WORDS: CallWords<RerankingModelV4CallOptions, RerankingModelV4Result> = {
  read: ({ query, documents }) => ({ query, documents }),
  // The members that were read, with other texts.
  write: (params, words) => ({
    ...params,
    ...(words as Pick<RerankingModelV4CallOptions, "query" | "documents">),
  }),
  // Numbers say nothing that a rule could read.
  result: { read: ({ ranking }) => ({ ranked: ranking.length }), write: (result) => result },
  usage: () => undefined,
};
