import { generateText, stepCountIs, tool, type ModelMessage } from "ai";
import { expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { answered } from "./approval-chat.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel, type Turn } from "./scripted-model.ts";

/** What an approved tool sees of a run that was aborted before it went on. */
async function seenOf(isGoverned: boolean): Promise<unknown[]> {
  const seen: unknown[] = [];
  const pay = tool({
    inputSchema: z.looseObject({}),
    needsApproval: true,
    execute: async (_input, { abortSignal }) => void seen.push(abortSignal?.aborted),
  });
  const plane = planeOf();
  const settings = (messages: ModelMessage[], turns: readonly Turn[]) => {
    const model = new ScriptedModel(turns);
    const answer = model.doGenerate.bind(model);
    model.doGenerate = async (options) => {
      // As every provider does.
      options.abortSignal?.throwIfAborted();
      return answer(options);
    };
    const own = { model, tools: { pay }, messages };
    return { ...(isGoverned ? govern(plane, WHO, own) : own), stopWhen: stepCountIs(3) };
  };
  const first: ModelMessage[] = [{ role: "user", content: "go" }];
  const { response } = await generateText(settings(first, [{ calls: [{ name: "pay" }] }]));
  const history = answered([...first, ...response.messages]);
  const ended = await generateText({ ...settings(history, []), abortSignal: AbortSignal.abort() }).then(
    () => "answered",
    (error: Error) => error.name,
  );
  return [...seen, ended];
}

it("a run that was aborted before it goes on does with its approved tool what it does without a plane", async () => {
  expect(await seenOf(true)).toEqual(await seenOf(false));
});
