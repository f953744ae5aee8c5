import { tracingChannel } from "node:diagnostics_channel";

import * as sdk from "ai";
import { generateObject, generateText, stepCountIs, streamText, tool, type ToolSet } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);

/** Everything that can be read in a value, errors and bytes included. */
function wordsIn(value: unknown): string {
  const seen = new WeakSet<object>();
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== "object" || member === null) return member;
    if (seen.has(member)) return undefined;
    seen.add(member);
    if (member instanceof Error) {
      const { name, message, stack, cause } = member;
      return Object.assign({ name, message, stack, cause }, member);
    }
    return member;
  });
}

/** Every callback of an integration, as an observer of the SDK would write it. */
function integrationFor(seen: unknown[]): object {
  const note = (name: string | symbol) => (event: unknown) => {
    seen.push([name, event]);
    if (typeof event !== "object" || event === null || !("execute" in event)) return undefined;
    return typeof event.execute === "function" ? Reflect.apply(event.execute, event, []) : undefined;
  };
  return new Proxy({}, { get: (_target, name) => (name === "then" ? undefined : note(name)) });
}

const TALKATIVE = () =>
  new ScriptedModel([
    {
      reasoning: `thinks of ${EMAIL} now`,
      text: `asks ${EMAIL} first`,
      calls: [{ name: "read", input: { mail: EMAIL } }],
    },
    { text: `was ${EMAIL} all along` },
  ]);

/** A run of which everything that looks on is told. */
function watched(seen: unknown[]) {
  const note =
    (name: string) =>
    (event: unknown): void =>
      void seen.push([name, event]);
  const read = tool({
    inputSchema: z.looseObject({}),
    execute: async () => ({ mail: `sent to ${EMAIL}` }),
    toModelOutput: ({ output }) => {
      seen.push(["toModelOutput", output]);
      return { type: "json", value: output };
    },
  });
  const tools: ToolSet = { read };
  return {
    ...govern(planeOf([NO_EMAILS]), WHO, { model: TALKATIVE(), tools, prompt: "go" }),
    stopWhen,
    includeRawChunks: true,
    telemetry: { integrations: [integrationFor(seen)] },
    onStepEnd: note("onStepEnd"),
    onStepFinish: note("onStepFinish"),
    onFinish: note("onFinish"),
  };
}

describe("what looks on at a run sees nothing that was redacted from its answers and results:", () => {
  it("callbacks, telemetry, the diagnostics channel and toModelOutput, of a finished answer", async () => {
    const seen: unknown[] = [];
    const subscriber = { start: (event: unknown) => void seen.push(["channel", event]) };
    const all = {
      ...subscriber,
      end: subscriber.start,
      asyncStart: subscriber.start,
      asyncEnd: subscriber.start,
      error: subscriber.start,
    };
    const channel = tracingChannel("ai:telemetry");
    channel.subscribe(all);
    try {
      const result = await generateText(watched(seen));
      expect(result.steps).toHaveLength(2);
      expect(wordsIn([seen, result.steps])).not.toContain(EMAIL);
    } finally {
      channel.unsubscribe(all);
    }
    const names = seen.map((entry) => (Array.isArray(entry) ? String(entry[0]) : ""));
    for (const name of ["channel", "onLanguageModelCallEnd", "onToolExecutionEnd", "toModelOutput"])
      expect(names).toContain(name);
  });

  it("these and a transform of the stream, of a streamed one", async () => {
    const seen: unknown[] = [];
    const parts: unknown[] = [];
    const result = streamText({
      ...watched(seen),
      onChunk: (event) => void seen.push(["onChunk", event]),
      experimental_transform: () =>
        new TransformStream({
          transform(part, controller) {
            seen.push(["transform", part]);
            controller.enqueue(part);
          },
        }),
    });
    for await (const part of result.fullStream) parts.push(part);
    expect(wordsIn(seen)).toContain("transform");
    expect(wordsIn([seen, parts, await result.steps])).not.toContain(EMAIL);
  });

  // Older versions leave it to an integration to look at the setting.
  it.runIf("experimental_streamTextLowMemory" in sdk)(
    "and with recordInputs: false nothing of the prompt that was redacted for the model either",
    async () => {
      const seen: unknown[] = [];
      const told = async (recordInputs: boolean): Promise<string> => {
        seen.length = 0;
        const telemetry = { integrations: [integrationFor(seen)], recordInputs };
        await generateText({
          ...govern(planeOf([NO_EMAILS]), WHO, { model: TALKATIVE(), prompt: EMAIL, instructions: EMAIL }),
          telemetry,
        });
        return wordsIn(seen);
      };
      expect(await told(true)).toContain(EMAIL);
      expect(await told(false)).not.toContain(EMAIL);
    },
  );

  it("whoever repairs an object", async () => {
    const seen: unknown[] = [];
    const model = new ScriptedModel([{ text: `no object of ${EMAIL}` }]);
    const { object } = await generateObject({
      ...govern(planeOf([NO_EMAILS]), WHO, { model, prompt: "go" }),
      schema: z.object({ a: z.string() }),
      experimental_repairText: async (given) => {
        seen.push(given);
        return '{"a":"b"}';
      },
    });
    expect(object).toEqual({ a: "b" });
    expect(wordsIn(seen)).not.toContain(EMAIL);
  });

  it("errors of tools and of models, with all their members", async () => {
    const broken = (): never => {
      throw Object.assign(new Error(`no ${EMAIL}`), { responseBody: EMAIL });
    };
    const read = countingTool(broken);
    const plane = planeOf([NO_EMAILS]);
    const model = new ScriptedModel([{ calls: [{ name: "read" }] }]);
    const { steps } = await generateText({
      ...govern(plane, WHO, { model, tools: { read: read.tool }, prompt: "go" }),
      stopWhen,
    });
    expect(steps[0]?.content.some(({ type }) => type === "tool-error")).toBe(true);
    const error = Object.assign(new Error(`no ${EMAIL}`), { responseBody: EMAIL });
    const failing = () => govern(plane, WHO, { model: new ScriptedModel([{ error }]), prompt: "go" });
    const thrown: unknown = await generateText(failing()).catch((one: unknown) => one);
    const errors: unknown[] = [];
    await streamText({ ...failing(), onError: (one) => void errors.push(one) }).consumeStream();
    expect(thrown).toBeInstanceOf(Error);
    expect(errors).toHaveLength(1);
    expect(wordsIn([steps, model.requests, thrown, errors])).not.toContain(EMAIL);
  });
});
