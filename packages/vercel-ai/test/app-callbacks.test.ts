import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(3);

describe("what is redacted is not told", () => {
  it("to readers of an object on its way, of any shape", async () => {
    const model = new ScriptedModel([{ text: JSON.stringify({ mail: EMAIL, n: 1 }) }]);
    const { partialOutputStream, output } = streamText(
      govern(planeOf([NO_EMAILS]), WHO, { model, prompt: "go", output: Output.json() }),
    );
    const partials: unknown[] = [];
    for await (const partial of partialOutputStream) partials.push(partial);
    expect(partials.length).toBeGreaterThan(0);
    expect(JSON.stringify([partials, await output])).not.toContain("bob@");
    expect(await output).toMatchObject({ n: 1 });
  });

  it("to what words a tool's result for the model, nor to callbacks that watch it", async () => {
    const told: unknown[] = [];
    const note = (seen: unknown): void => void told.push(JSON.stringify(seen));
    const read = tool({
      inputSchema: z.object({}),
      execute: async () => ({ mail: EMAIL }),
      toModelOutput: ({ output }) => {
        note(output);
        return { type: "text", value: output.mail };
      },
    });
    const model = new ScriptedModel([{ calls: [{ id: "c1", name: "read" }] }, { text: EMAIL }]);
    const { text } = streamText({
      ...govern(planeOf([NO_EMAILS]), WHO, { model, tools: { read }, prompt: "go", onEnd: note }),
      stopWhen,
      onChunk: note,
      onStepEnd: note,
    });
    expect(await text).not.toContain("bob@");
    expect(told.length).toBeGreaterThan(3);
    expect(told.join("\n")).not.toContain("bob@");
    expect(JSON.stringify(model.requests[1]?.prompt)).not.toContain("bob@");
  });
});

it("a generator whose run is aborted is told, shows nothing more, and leaves nothing running", async () => {
  const plane = planeOf();
  const controller = new AbortController();
  const ended: string[] = [];
  const count = tool({
    inputSchema: z.object({}),
    execute: async function* (_input, { abortSignal }) {
      try {
        yield "one";
        controller.abort(new Error("enough"));
        if (abortSignal?.aborted === true) throw abortSignal.reason;
        yield "two";
      } finally {
        ended.push("ended");
      }
    },
  });
  const model = new ScriptedModel([{ calls: [{ id: "c1", name: "count" }] }, { text: "done" }]);
  const call = govern(plane, WHO, { model, tools: { count }, prompt: "go" });
  await generateText({ ...call, stopWhen, abortSignal: controller.signal }).catch(() => undefined);
  expect(ended).toEqual(["ended"]);
  expect(plane.guard.admission("c1")).toBeUndefined();
});
