import { Agent, Runner } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { expect, test } from "vitest";

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
  const tool = under(new Agent({ name: "inner" })).asTool({
    toolName: "inner",
    ...(runConfig !== undefined && { runConfig }),
  });
  const outer = under(new Agent({ name: "outer", tools: [tool] }));
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
