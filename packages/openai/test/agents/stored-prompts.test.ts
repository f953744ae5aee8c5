import { rule, type Policy } from "@agentplane/core";
import { Agent, OpenAIResponsesModel, webSearchTool } from "@openai/agents";
import OpenAI from "openai";
import { expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { responsesBody } from "../replies.ts";
import { IDENTITY, planeOf, runner } from "./agent-script.ts";

const NO_SEARCH: Policy = {
  id: "no-search",
  selector: { tools: ["web_search"] },
  blocking: [rule.denylist({ tools: ["web_search"] })],
};

/** What an agent with a stored prompt sends. */
async function sent(agent: object, policies: Policy[]): Promise<Record<string, unknown>> {
  const bodies: Record<string, unknown>[] = [];
  const fetch = async (_input: unknown, init?: RequestInit): Promise<Response> => {
    bodies.push((await new Response(init?.body).json()) as Record<string, unknown>);
    return Response.json(responsesBody("done"));
  };
  const model = new OpenAIResponsesModel(new OpenAI({ apiKey: "test", fetch }), "gpt-test");
  const plane = planeOf({ policies });
  const prompted = new Agent({ name: "ops", model, prompt: { promptId: "pmpt_1" }, ...agent });
  await runner.run(govern(plane, IDENTITY, prompted), "go").finally(() => plane.close());
  return bodies[0] ?? {};
}

test("an agent's stored prompt keeps its tools where no policy concerns any", async () => {
  expect(await sent({}, [])).not.toHaveProperty("tools");
});

test("an agent's stored prompt is refused where a policy concerns calls of tools", async () => {
  await expect(sent({}, [NO_SEARCH])).rejects.toThrow("tools: [] for none");
});

test("an agent's own tools take the place of those of its prompt, also where they are taken off", async () => {
  expect(await sent({ tools: [] }, [NO_SEARCH])).toMatchObject({ tools: [] });
  expect(await sent({ tools: [webSearchTool()] }, [NO_SEARCH])).toMatchObject({ tools: [] });
});
