import type { ContextInit } from "../../context/create-context.ts";
import type { Admission } from "../../enforce/admission.ts";
import type { Guard } from "../../enforce/guard.ts";
import type { StreamCodec } from "../../enforce/stream-codec.ts";
import type { PolicyContext } from "../../context/context.ts";
import type { RunRequest } from "../adapter-driver.ts";
import type { ScriptTool } from "../agent-script.ts";
import { collect, type ProviderRequest, type ScriptedModel } from "./scripted-model.ts";
import type { ModelAnswer, ModelChunk, ModelFacts, ReferenceSeams } from "./seams.ts";
import type { Trace } from "./trace.ts";

/** One model call of the reference agent. */
export interface ModelRequest {
  readonly request: RunRequest;
  readonly seams: ReferenceSeams;
  readonly trace: Trace;
  readonly guard: Guard | undefined;
  readonly identity: Omit<ContextInit, "hookpoint">;
  readonly tools: readonly ScriptTool[];
  readonly messages: readonly unknown[];
  readonly isNested: boolean;
  readonly isResumed: boolean;
  readonly model: ScriptedModel;
  readonly onOffered: (names: readonly string[]) => void;
}

/**
 * Asks the model.
 * @returns Its answer; or, where policies deny the call, the words that end the run in its place.
 */
export async function askModel(from: ModelRequest): Promise<ModelAnswer | string> {
  const { guard } = from;
  const context = guard && contextOf(from, guard, from.tools);
  const tools = guard && context ? await from.seams.offer(guard, from.tools, context) : from.tools;
  const names = tools.map(({ name }) => name);
  from.onOffered(names);
  const facts = factsOf(from, names);
  if (guard === undefined)
    return from.request.isStreaming === true ? read(from, facts.stream()) : facts.ask();
  return govern(from, { guard, context: contextOf(from, guard, tools), names, facts });
}

interface Governed {
  readonly guard: Guard;
  readonly context: PolicyContext;
  readonly names: readonly string[];
  readonly facts: ModelFacts;
}

async function govern(
  from: ModelRequest,
  { guard, context, names, facts }: Governed,
): Promise<ModelAnswer | string> {
  const { seams, request, model } = from;
  const sent = ({ context: { model: admitted }, isInputChanged, input }: Admission): ProviderRequest => ({
    prompt: JSON.stringify(isInputChanged ? input : from.messages),
    offered: names,
    maxOutputTokens: admitted?.maxOutputTokens,
  });
  if (request.isStreaming === true) {
    const run = (admitted: Admission): AsyncIterable<ModelChunk> => model.stream(sent(admitted));
    const opened = await seams.modelStream(guard, { context, run, codec: CHUNKS }, facts);
    return "status" in opened ? opened.message : read(from, opened);
  }
  const outcome = await seams.modelCall(
    guard,
    {
      context,
      run: (admitted) => model.ask(sent(admitted)),
      usage: ({ usage }) => usage,
      result: { read: ({ text }) => text, write: (answer, text) => ({ ...answer, text: String(text) }) },
    },
    facts,
  );
  return outcome.status === "ran" ? outcome.result : outcome.message;
}

const CHUNKS: StreamCodec<ModelChunk> = {
  read: (chunk) => (chunk.kind === "text" ? { part: "text", text: chunk.text } : undefined),
  write: (_chunk, text) => ({ kind: "text", text }),
  usage: (chunk) => (chunk.kind === "end" ? chunk.usage : undefined),
};

/** Hands the pieces on to the caller as they come, until the caller has enough. */
async function read(
  { seams, trace, request }: ModelRequest,
  chunks: AsyncIterable<ModelChunk>,
): Promise<ModelAnswer> {
  const seen = async function* (): AsyncGenerator<ModelChunk> {
    for await (const chunk of chunks) {
      if (seams.isStopped(request.signal)) return;
      if (chunk.kind === "text" && chunk.text !== "") trace.pieces.push(chunk.text);
      yield chunk;
    }
  };
  return collect(seen());
}

function contextOf(
  { seams, identity, messages, ...facts }: ModelRequest,
  guard: Guard,
  tools: readonly ScriptTool[],
): PolicyContext {
  const init: ContextInit = {
    ...identity,
    hookpoint: "before_model_call",
    model: { provider: "script", name: "script-1", messages, tools: tools.map(({ name }) => name) },
  };
  return guard.context(seams.contextOf(init, facts));
}

function factsOf(
  { isNested, request, model, messages }: ModelRequest,
  offered: readonly string[],
): ModelFacts {
  const sent: ProviderRequest = { prompt: JSON.stringify(messages), offered };
  return {
    isNested,
    signal: request.signal,
    ask: () => model.ask(sent),
    stream: () => model.stream(sent),
  };
}
