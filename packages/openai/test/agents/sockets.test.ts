import { createAgentPlane } from "@agentplane/core";
import { Agent, OpenAIResponsesWSModel, Runner, setTracingDisabled } from "@openai/agents";
import { RealtimeAgent } from "@openai/agents/realtime";
import OpenAI, { AzureOpenAI } from "openai";
import { afterAll, describe, expect, test, vi } from "vitest";

import { govern } from "../../src/agents.ts";
import { govern as governClient } from "../../src/index.ts";

setTracingDisabled(true);
const plane = createAgentPlane();
afterAll(() => plane.close());

const CLIENTS: Readonly<Record<string, OpenAI>> = {
  OpenAI: new OpenAI({ apiKey: "test", baseURL: "https://127.0.0.1:9/v1" }),
  Azure: new AzureOpenAI({ apiKey: "test", apiVersion: "1", endpoint: "https://127.0.0.1:9" }),
};

describe("the realtime API", () => {
  test("has agents that are refused, also as ones that are handed off to", () => {
    const realtime = new RealtimeAgent({ name: "voice" });
    expect(() => govern(plane, {}, realtime)).toThrow(/realtime API/);
    const first = new Agent({ name: "ops", handoffs: [realtime] });
    expect(() => govern(plane, {}, first)).toThrow(/realtime API/);
  });
});

test.each(Object.entries(CLIENTS))(
  "a model that speaks over a WebSocket opens none with a governed client of %s",
  async (_name, client) => {
    const opened = vi.spyOn(globalThis, "WebSocket");
    for (const governed of [client, client.withOptions({ maxRetries: 1 })].map((one) =>
      governClient(plane, { agent: "ops" }, one),
    )) {
      const model = new OpenAIResponsesWSModel(governed, "gpt-test");
      const agent = new Agent({ name: "ops", model });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(new Runner().run(agent, "go")).rejects.toThrow(/opens no WebSocket/);
    }
    expect(opened).not.toHaveBeenCalled();
    opened.mockRestore();
  },
);
