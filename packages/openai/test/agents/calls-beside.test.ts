import {
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  tool,
  type Model,
  type ModelRequest,
} from "@openai/agents";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";

import { govern as governClient, type GovernedIdentity } from "../../src/index.ts";
import type { Reply } from "../provider.ts";
import { responsesBody } from "../replies.ts";
import { ASK, refundTool } from "./agent-script.ts";
import { APIS, clientOf, LIMITS, ME, provider, run, USED, useProvider, watched } from "./twice-governed.ts";

useProvider();

/** What the user says to the agent, said by somebody else. */
const said = (role: string) => ({ type: "message", role, content: "Where is it?" });

/** What another call than the agent's costs. */
const DEAR = 100;

describe("a call of a governed client by itself", () => {
  const ask = (client: OpenAI, other: object = {}): Promise<unknown> =>
    client.responses.create({
      model: "gpt-test",
      instructions: "Be kind.",
      input: "Where is it?",
      max_output_tokens: 100,
      ...other,
    });
  const reply = (): Reply => APIS.responses.reply(false);
  const dear = (): Reply => ({
    json: { ...responsesBody("dear"), usage: { input_tokens: DEAR, output_tokens: 0, total_tokens: DEAR } },
  });

  /** A model of a class of its own that asks something before it goes on. */
  const askingBefore = (client: OpenAI, before: (request: ModelRequest) => Promise<unknown>): Model => {
    class Asking extends OpenAIResponsesModel {
      override async getResponse(request: ModelRequest) {
        await before(request);
        return super.getResponse(request);
      }
    }
    return new Asking(client, "gpt-test");
  };

  test.each<[string, object]>([
    ["words that the agent's call did not say", { input: "Something else." }],
    ["instructions of its own", { instructions: "Be rude." }],
    ["the instructions as the user's words", { instructions: undefined, input: "Be kind." }],
    ["the user's words as instructions", { instructions: "Where is it?" }],
    ["words that the agent's call said once", { input: [said("user"), said("user")] }],
    ["the user's words as the model's", { input: [said("user"), said("assistant")] }],
    ["the user's words as the model's alone", { input: [said("assistant")] }],
    ["the user's words as a developer's", { input: [said("developer")] }],
    [
      "the user's words as what a tool gave",
      { input: [{ type: "function_call_output", call_id: "Where is it?", output: "Where is it?" }] },
    ],
    ["another model", { model: "gpt-dear" }],
    ["a tool that the agent has not", { tools: [{ type: "web_search" }] }],
    ["a stored prompt", { prompt: { id: "pmpt_1" } }],
    ["more output than was reserved", { max_output_tokens: 101 }],
    ["output without a limit", { max_output_tokens: undefined }],
  ])("is one with %s", async (_name, other) => {
    const seen = watched();
    provider.reset(dear(), reply());
    const client = clientOf(seen);
    await run(
      seen,
      askingBefore(client, () => ask(client, other)),
    );
    expect(await seen.charged()).toStrictEqual([2, DEAR + USED]);
  });

  test("is one with a yes to a remote MCP server, and refused", async () => {
    const seen = watched();
    provider.reset(reply());
    const client = clientOf(seen);
    const yes = { type: "mcp_approval_response", approve: true, approval_request_id: "Where is it?" };
    const before = (): Promise<unknown> =>
      expect(ask(client, { input: [said("user"), yes] })).rejects.toThrow("has not seen");
    await run(seen, askingBefore(client, before));
    expect([provider.seen.length, await seen.charged()]).toStrictEqual([1, [1, USED]]);
  });

  test.each<[string, object]>([
    ["the same words", {}],
    [
      "the same words in another form",
      {
        instructions: undefined,
        input: [{ role: "developer", content: [{ type: "input_text", text: "Be kind." }] }, said("user")],
      },
    ],
  ])("is the second one of %s", async (_name, other) => {
    const seen = watched();
    provider.reset(dear(), reply());
    const client = clientOf(seen);
    await run(
      seen,
      askingBefore(client, () => ask(client, other)),
    );
    // The first counts as the agent's: its answer is judged, because the model's class reads it.
    expect(seen.decided).toStrictEqual(["writer allow", "writer allow", "writer allow"]);
    expect(await seen.charged()).toStrictEqual([2, 2 * USED]);
  });

  test("is one beside the agent's, also of the same words", async () => {
    const seen = watched();
    let start = (): void => undefined;
    const started = new Promise<void>((begin) => (start = begin));
    const beside = started.then(() => ask(clientOf(seen)));
    const apiKey = async (): Promise<string> => {
      start();
      await beside;
      return "test";
    };
    provider.reset(dear(), reply());
    const client = governClient(seen.plane, ME, new OpenAI({ apiKey, baseURL: provider.url }));
    await run(seen, APIS.responses.model(client));
    expect([seen.decided.length, await seen.charged()]).toStrictEqual([2, [2, DEAR + USED]]);
  });

  test("is one that a tool makes with the agent's words", async () => {
    const seen = watched();
    const client = clientOf(seen);
    const look = tool({
      name: "look",
      description: "Asks the model.",
      parameters: z.object({}),
      execute: async () => void (await ask(client)),
    });
    provider.reset(APIS.responses.reply(false, "", [{ id: "c0", name: "look", input: {} }]), dear(), reply());
    await run(seen, APIS.responses.model(client), false, [look]);
    expect([seen.decided.length, await seen.charged()]).toStrictEqual([3, [3, DEAR + 2 * USED]]);
  });

  test.each<[string, GovernedIdentity]>([
    ["agent", { agent: "gateway", tenant: "acme" }],
    ["session", { ...ME, session: "other" }],
    ["user", { ...ME, user: "olga" }],
    ["set of tags", { ...ME, tags: { risk: "high" } }],
  ])("is one for another %s", async (_name, identity) => {
    const seen = watched();
    provider.reset(reply());
    await run(seen, APIS.responses.model(clientOf(seen, identity)));
    expect([seen.decided.length, await seen.charged()]).toStrictEqual([2, [2, 2 * USED]]);
  });

  test("is refused for another tenant than the agent acts for", async () => {
    const seen = watched();
    provider.reset(reply());
    const client = clientOf(seen, { agent: "writer", tenant: "globex" });
    await expect(run(seen, APIS.responses.model(client))).rejects.toThrow(/lineage|tenant/i);
    expect(provider.seen).toHaveLength(0);
  });

  test("is charged too where nobody knew which model is asked, and leaves its calls to the agent", async () => {
    const seen = watched({ policies: [LIMITS, ASK] });
    provider.reset(APIS.chat.reply(false, "", [{ id: "c0", name: "refund", input: { amount: 5 } }]));
    const chat = new OpenAIChatCompletionsModel(clientOf(seen), "gpt-test");
    const result = await run(seen, chat, false, [refundTool([])]);
    expect(result.interruptions).toHaveLength(1);
    expect(await seen.charged()).toStrictEqual([2, 2 * USED]);
  });

  test("is one of another plane", async () => {
    const [seen, other] = [watched(), watched()];
    provider.reset(reply());
    await run(seen, APIS.responses.model(clientOf(other)));
    expect([seen.decided, other.decided]).toStrictEqual([["writer allow"], ["writer allow"]]);
  });
});
