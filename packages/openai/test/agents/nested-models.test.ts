import { Agent, Runner, tool } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { expect, test } from "vitest";
import { z } from "zod";

import { govern, GovernedRunner, isGoverned } from "../../src/agents.ts";
import type { AnyAgent } from "../../src/agents/any-agent.ts";
import { answer, IDENTITY, planeOf } from "./agent-script.ts";

const done = (): ReturnType<typeof answer> => answer({ output: [assistantMessage("done")] });
type RunConfig = NonNullable<Parameters<AnyAgent["asTool"]>[0]["runConfig"]>;

/** Which model the agent inside the tool asks: the runner's, or one of the tool's own. */
async function asked(configOf: (own: ScriptedModel) => RunConfig | undefined, isUnderPlane: boolean) {
  const plane = planeOf();
  const own = new ScriptedModel([done()]);
  const call = functionCall("inner", { input: "x" }, { callId: "c0" });
  const ofRunner = new ScriptedModel([answer({ output: [call] }), done(), done()]);
  const under = <A extends AnyAgent>(agent: A): A => (isUnderPlane ? govern(plane, IDENTITY, agent) : agent);
  const runConfig = configOf(own);
  const inner = under(new Agent({ name: "inner" })).asTool({
    toolName: "inner",
    ...(runConfig !== undefined && { runConfig }),
  });
  const outer = under(new Agent({ name: "outer", tools: [inner] }));
  expect(isGoverned(outer)).toBe(isUnderPlane);
  const config = { model: ofRunner };
  await (isUnderPlane ? new GovernedRunner(config) : new Runner(config)).run(outer, "go");
  await plane.close();
  return { own: own.calls.length, ofRunner: ofRunner.calls.length };
}

test.each<[string, (own: ScriptedModel) => RunConfig | undefined, object]>([
  ["nothing: the runner's", () => undefined, { own: 0, ofRunner: 3 }],
  ["a model", (own) => ({ model: own }), { own: 1, ofRunner: 2 }],
  ["a provider", (own) => ({ modelProvider: { getModel: () => own } }), { own: 1, ofRunner: 2 }],
])(
  "an agent inside a tool asks the same model as without a plane where its tool chooses %s",
  async (_name, configOf, expected) => {
    expect(await asked(configOf, false)).toStrictEqual(expected);
    expect(await asked(configOf, true)).toStrictEqual(expected);
  },
);

test("an agent that a tool of its own runs again, with a runner that is not governed, is refused", async () => {
  const plane = planeOf();
  const call = functionCall("again", {}, { callId: "c0" });
  const model = new ScriptedModel([answer({ output: [call] }), done(), done()]);
  let inner: unknown;
  const again = tool({
    name: "again",
    description: "Runs the agent that called it.",
    parameters: z.object({}),
    execute: async () => void (inner = await new Runner().run(agent, "go").catch((error: unknown) => error)),
  });
  const agent: AnyAgent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [again] }));
  const result = await new GovernedRunner().run(agent, "go");
  expect(inner).toMatchObject({ code: "usage_invalid" });
  expect(result.finalOutput).toBe("done");
  expect(model.calls).toHaveLength(2);
  await plane.close();
});
