import { PolicyBlocked, rule, type Policy } from "@agentplane/core";
import * as sdk from "ai";
import { describe, expect, it } from "vitest";

import { govern, guardModel, guardProvider, type AnyProvider } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { runsOf } from "./run-records.ts";
import { ScriptedModel } from "./scripted-model.ts";

/** Everything callable in the SDK, in every version that is tested, by what it can do to a model. */
const WAYS = {
  "takes settings that govern takes": `ToolLoopAgent Experimental_Agent generateText streamText generateObject streamObject
    experimental_streamTextLowMemory createAgentUIStream createAgentUIStreamResponse pipeAgentUIStreamToResponse
    DirectChatTransport`,
  "takes a model that is guarded": `embed embedMany generateImage experimental_streamLanguageModelCall rerank generateSpeech
    experimental_generateSpeech transcribe experimental_transcribe`,
  "wraps or gives models, guarded ones too": `wrapLanguageModel wrapProvider wrapEmbeddingModel wrapImageModel customProvider
    createProviderRegistry experimental_createProviderRegistry defaultSettingsMiddleware defaultInstructionsMiddleware
    defaultEmbeddingSettingsMiddleware extractReasoningMiddleware extractJsonMiddleware simulateStreamingMiddleware
    addToolInputExamplesMiddleware gateway createGateway`,
  "takes models that a guarded provider does not give": `experimental_decide experimental_evaluate experimental_extract
    experimental_generateVideo experimental_startVideo experimental_getVideoStatus experimental_streamSpeech
    experimental_streamTranscribe experimental_streamTranslate experimental_startBatch experimental_startTextBatch
    experimental_cancelBatch experimental_getBatchResults experimental_getBatchStatus experimental_listBatches uploadFile
    uploadSkill Experimental_AbstractRealtimeSession experimental_getRealtimeToolDefinitions`,
  "makes tools, which are guarded": "tool dynamicTool toolSearch experimental_toolCaller",
  "reaches no model": `AbstractChat DefaultChatTransport DefaultGeneratedFile HttpChatTransport JsonToSseTransformStream
    SerialJobExecutor TextStreamChatTransport WebSocketChatTransport asSchema callCompletionApi consumeStream
    convertDataContentToBase64String convertFileListToFileUIParts convertToModelMessages cosineSimilarity createDownload
    createIdGenerator createTextStreamResponse createUIMessageStream createUIMessageStreamResponse detectToolDrift
    experimental_createSteering experimental_decodeRealtimeAudio experimental_encodeRealtimeAudio
    experimental_filterActiveTools experimental_resampleAudio filterActiveTools fingerprintTools generateId getChunkTimeoutMs
    getFirstChunkTimeoutMs getStaticToolName getStepTimeoutMs getTextFromDataUrl getToolName getToolOrDynamicToolName
    getToolTimeoutMs getTotalTimeoutMs hasToolCall isCustomContentUIPart isDataUIPart isDeepEqualData isDynamicToolUIPart
    isFileUIPart isLoopFinished isReasoningFileUIPart isReasoningUIPart isStaticToolUIPart isStepCount isTextUIPart
    isToolOutputErrorUIPart isToolUIPart jsonSchema lastAssistantMessageIsCompleteWithApprovalResponses
    lastAssistantMessageIsCompleteWithToolCalls parseJsonEventStream parsePartialJson pipeTextStreamToResponse
    pipeUIMessageStreamToResponse pruneMessages readUIMessageStream registerTelemetry safeValidateUIMessages
    safeValidateWebSocketChatTransportRequest simulateReadableStream smoothStream stepCountIs toTextStream toUIMessageChunk
    toUIMessageStream uiMessageChunkSchema validateUIMessages zodSchema`,
} as const;

it("has looked at everything that the SDK can call", () => {
  const known = new Set(Object.values(WAYS).flatMap((names) => names.split(/\s+/)));
  const callable = Object.entries(sdk).filter(
    ([name, value]) => typeof value === "function" && !name.endsWith("Error"),
  );
  // Red? Find out whether it reaches a model, and guard that before it is put here.
  expect(callable.map(([name]) => name).filter((name) => !known.has(name))).toEqual([]);
});

const NO_MODEL: Policy = {
  id: "no-model",
  blocking: [rule.condition({ where: { model: "*" }, reason: "no models today" })],
};

// Absent in older versions of the SDK.
describe.runIf("experimental_streamTextLowMemory" in sdk)("a stream for one reader", () => {
  it("is redacted, and one run", async () => {
    const plane = planeOf([NO_EMAILS]);
    const runs = runsOf(plane);
    const model = new ScriptedModel([{ text: `write to ${EMAIL} now` }]);
    const result = sdk.experimental_streamTextLowMemory(govern(plane, WHO, { model, prompt: EMAIL }));
    const parts: unknown[] = [];
    for await (const part of result.stream) parts.push(part);
    expect(JSON.stringify(parts)).toContain("write");
    expect(JSON.stringify([parts, model.requests])).not.toContain(EMAIL);
    expect(runs()).toEqual([["a", "ran"]]);
  });
});

it("a single model call without a loop is decided", async () => {
  const model = new ScriptedModel([]);
  const messages = [{ role: "user", content: "go" }] as const;
  const call = sdk.experimental_streamLanguageModelCall({
    model: guardModel(planeOf([NO_MODEL]), WHO, model, { onDenied: "throw" }),
    messages: [...messages],
  });
  await expect(call).rejects.toBeInstanceOf(PolicyBlocked);
  expect(model.requests).toEqual([]);
});

describe("a provider that holds guarded models gives guarded ones:", () => {
  const own = () => {
    const languageModel = () => new ScriptedModel([]);
    const none = (): never => {
      throw new Error("none");
    };
    return { specificationVersion: "v4", languageModel, embeddingModel: none, imageModel: none } as const;
  };
  const plane = planeOf([NO_MODEL]);
  const guarded = () => guardProvider(plane, WHO, own());
  const WAYS_TO: Readonly<Record<string, () => sdk.LanguageModel>> = {
    "a registry": () => sdk.createProviderRegistry({ p: guarded() }).languageModel("p:m"),
    "a guarded registry": () => {
      // Its ids are of its own kind, which a provider's are not.
      const registry = sdk.createProviderRegistry({ p: own() }) as unknown as AnyProvider;
      return guardProvider(plane, WHO, registry).languageModel("p:m");
    },
    "a custom provider": () =>
      sdk
        .customProvider({ languageModels: { m: guardModel(plane, WHO, new ScriptedModel([])) } })
        .languageModel("m"),
    "one that falls back": () => sdk.customProvider({ fallbackProvider: guarded() }).languageModel("m"),
    "a wrapped one": () =>
      sdk.wrapProvider({ provider: guarded(), languageModelMiddleware: {} }).languageModel("m"),
  };
  it.each(Object.entries(WAYS_TO))("%s", async (_, model) => {
    await expect(sdk.generateText({ model: model(), prompt: "go" })).rejects.toBeInstanceOf(PolicyBlocked);
  });
});
