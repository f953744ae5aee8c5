import { PolicyError, type PlaneOptions } from "@agentplane/core";
import {
  experimental_generateSpeech,
  experimental_streamTranscribe,
  experimental_transcribe,
  rerank,
  uploadFile,
} from "ai";
import { MockRerankingModelV4, MockSpeechModelV4, MockTranscriptionModelV4 } from "ai/test";
import { describe, expect, it } from "vitest";

import { guardProvider } from "../src/index.ts";
import { decisionsOf, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const response = { timestamp: new Date(0), modelId: "m" };
const WORDS = [{ text: EMAIL, startSecond: 0, endSecond: 1 }];

/** A provider with one model of each kind, and doors that no policy could watch. */
function wholeProvider() {
  const seen: unknown[] = [];
  const speech = new MockSpeechModelV4({
    doGenerate: async (options) => {
      seen.push(options);
      return { audio: new Uint8Array([1]), warnings: [], response };
    },
  });
  const transcription = new MockTranscriptionModelV4({
    doGenerate: async (options) => {
      seen.push(options);
      const text = `write to ${EMAIL}`;
      const more = { language: undefined, durationInSeconds: undefined, warnings: [] };
      return { text, segments: WORDS, words: WORDS, response: { ...response, body: { text } }, ...more };
    },
  });
  const reranking = new MockRerankingModelV4({
    doRerank: async (options) => {
      seen.push(options);
      return { ranking: [{ index: 0, relevanceScore: 1 }], warnings: [], response };
    },
  });
  const provider = {
    specificationVersion: "v4",
    languageModel: () => new ScriptedModel([]),
    embeddingModel: () => undefined,
    imageModel: () => undefined,
    speechModel: () => speech,
    transcriptionModel: () =>
      Object.assign(transcription, { doStream: async () => void seen.push("stream") }),
    rerankingModel: () => reranking,
    videoModel: () => undefined,
    speechTranslationModel: () => undefined,
    decisionModel: () => undefined,
    batch: () => undefined,
    files: () => ({ uploadFile: async (options: unknown) => void seen.push(options) }),
    skills: () => undefined,
  };
  return { provider, seen };
}

type Guarded = ReturnType<typeof guardProvider>;

const providerOptions = { agentplane: { tenant: "acme" } };

const KINDS: Readonly<Record<string, (guarded: Guarded) => Promise<unknown>>> = {
  speech: async ({ speechModel }) =>
    experimental_generateSpeech({
      model: speechModel?.("x") as never,
      text: `say ${EMAIL}`,
      instructions: `like ${EMAIL}`,
      providerOptions,
    }),
  transcription: async ({ transcriptionModel }) =>
    experimental_transcribe({
      model: transcriptionModel?.("x") as never,
      audio: new Uint8Array([1, 2]),
      providerOptions,
    }),
  // The documents in the SDK's result are the caller's own.
  reranking: async ({ rerankingModel }) => {
    const model = rerankingModel?.("x") as never;
    const documents = [`one ${EMAIL}`];
    return (await rerank({ model, documents, query: `who is ${EMAIL}?`, providerOptions })).ranking.length;
  },
};

const TRUSTING: PlaneOptions = { identity: { trust: ["framework"] } };

describe("a guarded provider", () => {
  it.each(Object.entries(KINDS))("shows and gives no address, by a model for %s", async (_, play) => {
    const { provider, seen } = wholeProvider();
    const result = await play(guardProvider(planeOf([NO_EMAILS], TRUSTING), WHO, provider as never));
    expect(seen).toHaveLength(1);
    expect(JSON.stringify([seen, result])).not.toContain(EMAIL);
    expect(JSON.stringify(seen)).not.toContain("acme");
  });

  it.each(Object.entries(KINDS))("stops with its agent: %s", async (_, play) => {
    const { provider, seen } = wholeProvider();
    const plane = planeOf([], TRUSTING);
    await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
    await expect(play(guardProvider(plane, WHO, provider as never))).rejects.toBeInstanceOf(PolicyError);
    expect(seen).toEqual([]);
  });

  it("has nothing that leads around the plane: no files, no skills, no models of other kinds", async () => {
    const { provider, seen } = wholeProvider();
    const guarded = guardProvider(planeOf(), WHO, provider as never);
    expect(Object.keys(guarded).toSorted()).toEqual([
      "embeddingModel",
      "imageModel",
      "languageModel",
      "rerankingModel",
      "specificationVersion",
      "speechModel",
      "transcriptionModel",
    ]);
    await expect(uploadFile({ api: guarded, data: new Uint8Array([1]) })).rejects.toThrow(/file/i);
    expect(seen).toEqual([]);
  });

  it("refuses streams of sound, which nobody judges", () => {
    const { provider, seen } = wholeProvider();
    const { transcriptionModel } = guardProvider(planeOf(), WHO, provider as never);
    const transcribe = () =>
      experimental_streamTranscribe({
        model: transcriptionModel?.("x") as never,
        audio: new ReadableStream(),
        inputAudioFormat: { type: "pcm16", rate: 24_000 },
      });
    expect(transcribe).toThrow(/does not support streaming/);
    expect(seen).toEqual([]);
  });

  it.each(Object.entries(KINDS))("that is guarded again decides once: %s", async (_, play) => {
    const { provider } = wholeProvider();
    const plane = planeOf([], TRUSTING);
    const decisions = decisionsOf(plane);
    const inner = guardProvider(plane, { agent: "app" }, provider as never);
    await play(guardProvider(plane, WHO, inner));
    expect(decisions.map(({ identity }) => identity.agent)).toEqual(["a"]);
  });

  it("has no kinds that its provider does not have", () => {
    const { languageModel, embeddingModel, imageModel } = wholeProvider().provider;
    const provider = { specificationVersion: "v4", languageModel, embeddingModel, imageModel };
    const guarded = guardProvider(planeOf(), WHO, provider as never);
    expect(guarded.speechModel ?? guarded.transcriptionModel ?? guarded.rerankingModel).toBeUndefined();
  });
});
