import { PolicyBlocked } from "@agentplane/core";
import { generateText, stepCountIs, streamText, tool, type ToolExecutionOptions } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern, guardTools } from "../src/index.ts";
import { countingTool, denying, NO_EMAILS, planeOf, WHO, EMAIL } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const OPTIONS: ToolExecutionOptions<unknown> = { toolCallId: "c1", messages: [], context: undefined };
const stopWhen = stepCountIs(5);

const calling = (...names: readonly string[]): ScriptedModel =>
  new ScriptedModel([{ calls: names.map((name) => ({ name })) }, { text: "done" }]);

describe("the nature of a tool", () => {
  const generator = tool({
    inputSchema: z.object({}),
    async *execute() {
      yield { at: 1 };
      yield { at: 2 };
    },
  });
  const outputsOf = async (plane: ReturnType<typeof planeOf> | undefined, work: typeof generator) => {
    const settings = { model: calling("work"), tools: { work }, prompt: "go", stopWhen };
    const result = streamText(plane === undefined ? settings : govern(plane, WHO, settings));
    const outputs: unknown[] = [];
    for await (const part of result.fullStream)
      if (part.type === "tool-result") outputs.push([part.output, part.preliminary]);
    return outputs;
  };

  it("keeps the values a generator yields on its way, and its last as the result", async () => {
    const plain = await outputsOf(undefined, generator);
    expect(plain).toHaveLength(3);
    expect(await outputsOf(planeOf(), generator)).toEqual(plain);
  });

  it("gives a promise tool no preliminary result", async () => {
    const once = tool({ inputSchema: z.object({}), execute: async () => ({ at: 2 }) });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same schema, another way to answer
    expect(await outputsOf(planeOf(), once as unknown as typeof generator)).toEqual([[{ at: 2 }, undefined]]);
  });

  it("lets a plain function that returns an async iterable yield its values too", async () => {
    async function* values() {
      yield { at: 1 };
      yield { at: 2 };
    }
    const plain = tool({ inputSchema: z.object({}), execute: () => values() });
    expect(await outputsOf(planeOf(), plain as typeof generator)).toEqual(
      await outputsOf(undefined, plain as typeof generator),
    );
  });

  it("of one whose decision comes later still is a generator, or else gives its last value", async () => {
    const planeWithHook = () => {
      const plane = planeOf();
      plane.hooks.on("before_tool_call", async () => undefined);
      return plane;
    };
    async function* values() {
      yield { at: 1 };
      yield { at: 2 };
    }
    const plain = tool({ inputSchema: z.object({}), execute: () => values() });
    expect(await outputsOf(planeWithHook(), generator)).toHaveLength(3);
    expect(await outputsOf(planeWithHook(), plain as typeof generator)).toEqual([[{ at: 2 }, undefined]]);
  });

  it("redacts values on their way as it redacts the result", async () => {
    const revealing = tool({
      inputSchema: z.object({}),
      async *execute() {
        yield { at: 1, mail: EMAIL };
        yield { at: 2, mail: EMAIL };
      },
    });
    const outputs = await outputsOf(planeOf([NO_EMAILS]), revealing as unknown as typeof generator);
    expect(outputs).toHaveLength(3);
    expect(JSON.stringify(outputs)).not.toContain(EMAIL);
  });

  it("cuts a generator when its agent is unplugged, and shows nothing after that", async () => {
    const plane = planeOf();
    const endless = tool({
      inputSchema: z.object({}),
      async *execute() {
        yield { at: 1 };
        await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
        yield { at: 2 };
      },
    });
    expect(await outputsOf(plane, endless)).toEqual([[{ at: 1 }, true]]);
  });
});

describe("the members of a tool", () => {
  it("are found by own names alone: constructor, toString and __proto__ are names like any", async () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      const own = countingTool();
      const tools = Object.fromEntries([[name, own.tool]]);
      const guarded = guardTools(planeOf([denying(name)]), WHO, tools);
      expect(Object.keys(guarded)).toEqual([name]);
      const execute = Object.getOwnPropertyDescriptor(guarded, name)?.value.execute;
      // oxlint-disable-next-line no-await-in-loop -- one name after the other
      await expect(async () => execute({}, OPTIONS)).rejects.toThrow(PolicyBlocked);
      expect(own.runs).toEqual([]);
    }
    const none = await generateText(
      govern(planeOf(), WHO, {
        model: calling("constructor"),
        tools: { read: countingTool().tool },
        prompt: "go",
      }),
    );
    expect(none.steps[0]?.content.some(({ type }) => type === "tool-error")).toBe(true);
  });

  it("survive the wrapping: toModelOutput, needsApproval, metadata, also when it is spread", () => {
    const own = tool({
      inputSchema: z.object({}),
      execute: async () => "x",
      toModelOutput: () => ({ type: "text", value: "shown" }),
      needsApproval: true,
      metadata: { a: 1 },
    });
    const { work } = guardTools(planeOf(), WHO, { work: Object.freeze(own) });
    expect({ ...work }).toEqual({ ...own, execute: expect.any(Function) });
    expect({ ...work }.execute).not.toBe(own.execute);
  });

  it("of a class or a proxy are inherited, private ones included", async () => {
    class Secretive {
      readonly #word = "private";
      readonly inputSchema = z.object({});
      async execute(): Promise<string> {
        return this.#word;
      }
      toModelOutput() {
        return { type: "text", value: this.#word } as const;
      }
    }
    const made = new Secretive();
    const proxy = new Proxy({} as Secretive, { get: (_target, name) => Reflect.get(made, name, made) });
    const { own, virtual } = guardTools(planeOf(), WHO, { own: made, virtual: proxy });
    expect(own.toModelOutput()).toEqual({ type: "text", value: "private" });
    const execute = own.execute as unknown as (input: object, options: typeof OPTIONS) => Promise<string>;
    expect(await execute({}, OPTIONS)).toBe("private");
    expect(virtual.inputSchema).toBe(made.inputSchema);
  });
});
