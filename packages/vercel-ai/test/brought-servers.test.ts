import type { Policy } from "@agentplane/core";
import type { ImageModelV4, ImageModelV4CallOptions } from "@ai-sdk/provider";
import { generateImage, generateText, type ModelMessage } from "ai";
import { describe, expect, it } from "vitest";

import { govern, guardImageModel } from "../src/index.ts";
import { decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

type Options = NonNullable<Parameters<typeof generateText>[0]["providerOptions"]>;

/** Of tools of another server alone. */
const SELECTING_OTHERS: Policy = { ...denying("wipe"), selector: { tools: ["desk/*"] } };

describe("a hosted server that a message brings", () => {
  const mcp = { type: "mcp", serverLabel: "github", allowedTools: ["read", "wipe"] };
  const raw = { type: "mcp", server_label: "github", allowed_tools: { tool_names: ["wipe"] } };
  const args = { serverLabel: "github", allowedTools: ["wipe"] };
  const provider = { type: "provider", id: "openai.mcp", name: "hosted", args };
  const options = (tool: object): Options => ({ openai: { additionalTools: [tool] as never } });
  const inMessage = (tool: object): ModelMessage[] => [
    { role: "user", content: "go", providerOptions: options(tool) },
  ];
  const call = { type: "tool-call", toolCallId: "c1", toolName: "read", input: {} } as const;
  const result = { type: "tool-result", toolCallId: "c1", toolName: "read" } as const;
  const inResult = (tool: object): ModelMessage[] => [
    { role: "user", content: "go" },
    { role: "assistant", content: [call] },
    {
      role: "tool",
      content: [{ ...result, output: { type: "text", value: "ok", providerOptions: options(tool) } }],
    },
  ];
  const inItem = (tool: object): ModelMessage[] => [
    { role: "user", content: "go" },
    { role: "assistant", content: [call] },
    {
      role: "tool",
      content: [
        {
          ...result,
          output: { type: "content", value: [{ type: "text", text: "ok", providerOptions: options(tool) }] },
        },
      ],
    },
  ];

  for (const [what, messages] of [
    ["the SDK's spelling", inMessage(mcp)],
    ["the provider's spelling", inMessage(raw)],
    ["a tool of the SDK", inMessage(provider)],
    ["a tool result", inResult(mcp)],
    ["an item of a tool result", inItem(mcp)],
    ["a server without a list", inMessage({ type: "mcp", serverLabel: "github" })],
  ] as const)
    it(`is refused with the call, on record, where one of its tools is forbidden: ${what}`, async () => {
      const model = new ScriptedModel([]);
      const plane = planeOf([denying("github/wipe")]);
      const decisions = decisionsOf(plane);
      const refused = generateText(govern(plane, WHO, { model, messages }));
      await expect(refused).rejects.toMatchObject({ code: "policy_blocked" });
      expect(decisions.map(({ decision }) => [decision.hookpoint, decision.effect])).toEqual([
        ["before_agent", "allow"],
        ["before_tool_call", "block"],
      ]);
      expect(model.requests).toEqual([]);
      await generateText(govern(planeOf([SELECTING_OTHERS]), WHO, { model, messages }));
      expect(model.requests).toHaveLength(1);
    });
});

it("an image model does not search where a mode forbids it", async () => {
  const calls: ImageModelV4CallOptions[] = [];
  const model: ImageModelV4 = {
    specificationVersion: "v4",
    provider: "google",
    modelId: "i",
    maxImagesPerCall: 1,
    doGenerate: async (options) => {
      calls.push(options);
      const response = { timestamp: new Date(), modelId: "i", headers: {} };
      return { images: ["aGk="], warnings: [], response };
    },
  };
  const providerOptions = { google: { googleSearch: {}, aspectRatio: "1:1" } };
  const plane = planeOf();
  const draw = () =>
    generateImage({ model: guardImageModel(plane, WHO, model), prompt: "go", providerOptions });
  await draw();
  await plane.controls.degrade({ kind: "agent", id: "a" }, "NO_EXTERNAL", { by: "olga" });
  await draw();
  expect(calls.map((call) => call.providerOptions)).toEqual([
    providerOptions,
    { google: { aspectRatio: "1:1" } },
  ]);
});
