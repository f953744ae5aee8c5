import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { rule, type Policy } from "@agentplane/core";
import { stepCountIs, streamText, type LanguageModel } from "ai";
import { afterEach, describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { sendEvents, startLoopback, type Loopback } from "./loopback.ts";
import { countingTool, denying, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";

const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };
const PIECES = ["mail bob@exa", "mple.com ", "now"];
const ARGUMENTS = ['{"to":"bob@exa', 'mple.com"}'];

/** Two answers of each provider's stream protocol: first a tool call, then words, each split within the address. */
const PROTOCOLS: Readonly<
  Record<
    string,
    {
      readonly events: (isFirst: boolean) => readonly (object | string)[];
      readonly model: (url: string) => LanguageModel;
    }
  >
> = {
  "OpenAI chat completions": {
    model: (url) => createOpenAI({ apiKey: "none", baseURL: `${url}/v1` }).chat("gpt-test"),
    events(isFirst) {
      const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-test" };
      const delta = (part: object): object => ({ ...base, choices: [{ index: 0, delta: part }] });
      const said = isFirst
        ? [
            delta({
              role: "assistant",
              tool_calls: [
                { index: 0, id: "call_1", type: "function", function: { name: "send", arguments: "" } },
              ],
            }),
            ...ARGUMENTS.map((text) => delta({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
          ]
        : PIECES.map((content) => delta({ role: "assistant", content }));
      return [
        ...said,
        { ...base, choices: [{ index: 0, delta: {}, finish_reason: isFirst ? "tool_calls" : "stop" }] },
        { ...base, choices: [], usage: { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 } },
        "[DONE]",
      ];
    },
  },
  "OpenAI responses": {
    model: (url) => createOpenAI({ apiKey: "none", baseURL: `${url}/v1` })("gpt-test"),
    events(isFirst) {
      const item = isFirst
        ? {
            type: "function_call",
            id: "fc_1",
            call_id: "call_1",
            name: "send",
            arguments: "",
            status: "in_progress",
          }
        : { type: "message", id: "msg_1", role: "assistant", status: "in_progress", content: [] };
      const deltas = isFirst
        ? ARGUMENTS.map((delta) => ({
            type: "response.function_call_arguments.delta",
            item_id: "fc_1",
            output_index: 0,
            delta,
          }))
        : PIECES.map((delta) => ({
            type: "response.output_text.delta",
            item_id: "msg_1",
            output_index: 0,
            content_index: 0,
            delta,
          }));
      const done = isFirst
        ? { ...item, arguments: ARGUMENTS.join(""), status: "completed" }
        : {
            ...item,
            status: "completed",
            content: [{ type: "output_text", text: PIECES.join(""), annotations: [] }],
          };
      const response = { id: "resp_1", object: "response", created_at: 1, model: "gpt-test" };
      return [
        { type: "response.created", response: { ...response, status: "in_progress" } },
        { type: "response.output_item.added", output_index: 0, item },
        ...deltas,
        { type: "response.output_item.done", output_index: 0, item: done },
        {
          type: "response.completed",
          response: {
            ...response,
            status: "completed",
            usage: { input_tokens: 20, output_tokens: 9, total_tokens: 29 },
          },
        },
      ];
    },
  },
  "Anthropic messages": {
    model: (url) => createAnthropic({ apiKey: "none", baseURL: `${url}/v1` })("claude-test"),
    events(isFirst) {
      const block = isFirst
        ? { type: "tool_use", id: "call_1", name: "send", input: {} }
        : { type: "text", text: "" };
      const deltas = isFirst
        ? ARGUMENTS.map((partial_json) => ({ type: "input_json_delta", partial_json }))
        : PIECES.map((text) => ({ type: "text_delta", text }));
      return [
        {
          type: "message_start",
          message: {
            id: "msg_1",
            type: "message",
            role: "assistant",
            model: "claude-test",
            content: [],
            usage: { input_tokens: 20, output_tokens: 0 },
          },
        },
        { type: "content_block_start", index: 0, content_block: block },
        ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
        { type: "content_block_stop", index: 0 },
        {
          type: "message_delta",
          delta: { stop_reason: isFirst ? "tool_use" : "end_turn" },
          usage: { output_tokens: 9 },
        },
        { type: "message_stop" },
      ];
    },
  },
};

describe("a real provider's stream", () => {
  let server: Loopback | undefined;
  afterEach(() => server?.close());

  for (const [protocol, { events, model }] of Object.entries(PROTOCOLS)) {
    it(`of ${protocol} is judged, redacted and settled: prompt, tool call, words and usage`, async () => {
      let count = 0;
      server = await startLoopback((_request, response) => sendEvents(response, events(count++ === 0), true));
      const plane = planeOf([NO_EMAILS, BUDGET, denying("wipe")]);
      const send = countingTool(({ to }) => `sent to ${String(to)} and ${EMAIL}`);
      const result = streamText({
        ...govern(plane, WHO, {
          model: model(server.url),
          tools: { send: send.tool, wipe: countingTool().tool },
          prompt: `I am ${EMAIL}`,
        }),
        include: { rawChunks: true },
        stopWhen: stepCountIs(3),
      });
      const seen: unknown[] = [];
      for await (const part of result.fullStream) seen.push(part);
      const text = await result.text;
      expect(text).toMatch(/^mail \S+ now$/);
      expect(send.runs).toHaveLength(1);
      expect(JSON.stringify(send.runs)).not.toContain("example.com");
      expect(JSON.stringify([seen, await result.steps])).not.toMatch(/bob@exa|mple\.com/);
      expect(server.bodies).toHaveLength(2);
      expect(server.bodies.join("")).not.toContain(EMAIL);
      expect(server.bodies.join("")).not.toContain("wipe");
      const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
      expect(state).toMatchObject({ used: 58, held: 0 });
    });

    it(`of ${protocol} ends when its agent is unplugged, and the provider's request with it`, async () => {
      let isClosed: (() => void) | undefined;
      const closed = new Promise<void>((resolve) => {
        isClosed = resolve;
      });
      server = await startLoopback((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const event of events(false).slice(0, 3)) {
          if (typeof event === "object" && "type" in event) response.write(`event: ${String(event.type)}\n`);
          response.write(`data: ${JSON.stringify(event)}\n\n`);
        }
        response.on("close", () => isClosed?.());
      });
      const plane = planeOf([BUDGET]);
      const result = streamText(govern(plane, WHO, { model: model(server.url), prompt: "go" }));
      for await (const part of result.fullStream) {
        if (part.type !== "text-delta" || !part.text.startsWith("mail")) continue;
        await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
      }
      await closed;
      expect(await result.finishReason).toBe("content-filter");
      const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
      expect(state?.held).toBe(0);
    });
  }
});
