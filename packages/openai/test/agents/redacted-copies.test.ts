import { createAgentPlane, rule } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { Agent, setTracingDisabled, Usage, type Model, type StreamEvent } from "@openai/agents";
import { describe, expect, test } from "vitest";

import { govern, GovernedRunner } from "../../src/agents.ts";

setTracingDisabled(true);

const MAIL = "mira@example.com";
const IDENTITY = { tenant: "acme", session: "s1" };
const runner = new GovernedRunner();

describe("an answer", () => {
  const annotated = {
    type: "message" as const,
    role: "assistant" as const,
    status: "completed" as const,
    content: [
      {
        type: "output_text" as const,
        text: `to ${MAIL}`,
        providerData: {
          annotations: [{ type: "url_citation", title: MAIL }],
          logprobs: [{ token: "mira@" }, { token: "example.com" }],
        },
      },
    ],
  };
  const hosted = {
    type: "hosted_tool_call" as const,
    name: "mcp_call",
    status: "completed" as const,
    output: "ok",
    providerData: { type: "mcp_call", output: MAIL },
  };
  /** A model that streams as providers do: pieces, and the whole at the end. */
  const whole = (output: Extract<StreamEvent, { type: "response_done" }>["response"]["output"]): Model => ({
    getResponse: async () => ({ output, usage: new Usage() }),
    async *getStreamedResponse(): AsyncGenerator<StreamEvent> {
      yield {
        type: "response_done",
        response: {
          id: "r1",
          output,
          usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
          providerData: { output },
        },
      };
    },
  });
  test.each([false, true])("says nothing redacted beside its texts (stream: %s)", async (stream) => {
    const plane = createAgentPlane({
      scanner: createScanner(),
      policies: [{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }],
    });
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: whole([hosted, annotated]) }));
    const seen: unknown[] = [];
    if (stream) {
      const result = await runner.run(agent, "go", { stream });
      for await (const event of result)
        seen.push(event.type === "raw_model_stream_event" ? event.data : event.type);
      await result.completed;
      seen.push(result.history, result.rawResponses);
    } else {
      const result = await runner.run(agent, "go");
      seen.push(result.history, result.rawResponses);
    }
    const text = JSON.stringify(seen);
    expect(text).toContain("to [");
    expect(text).not.toContain("example.com");
    expect(text).not.toContain("mira@");
    await plane.close();
  });

  /** What providers say of an answer beside it. */
  const copied = (text: string): Model => {
    const output = [{ ...annotated, content: [{ type: "output_text" as const, text }] }];
    const providerData = { choices: [{ text: "to you" }, { text: MAIL }] };
    return {
      getResponse: async () => ({ output, usage: new Usage(), providerData }),
      async *getStreamedResponse(): AsyncGenerator<StreamEvent> {
        yield { type: "response_started", providerData };
        yield { type: "model", event: { text } };
        yield { type: "output_text_delta", delta: text, providerData };
        const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
        yield {
          type: "response_done",
          providerData,
          response: { id: "r1", output, usage, providerData },
        };
      },
    };
  };
  const seenOf = async (plane: ReturnType<typeof createAgentPlane>, model: Model, stream: boolean) => {
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model }));
    if (!stream) {
      const { history, rawResponses } = await runner.run(agent, "go");
      return JSON.stringify([history, rawResponses]);
    }
    const result = await runner.run(agent, "go", { stream: true });
    const seen: unknown[] = [];
    for await (const event of result) if (event.type === "raw_model_stream_event") seen.push(event.data);
    return JSON.stringify([seen, result.history, result.rawResponses]);
  };

  test.each([false, true])(
    "says nothing redacted that it does not say itself (stream: %s)",
    async (stream) => {
      const plane = createAgentPlane({
        scanner: createScanner(),
        policies: [{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }],
      });
      const text = await seenOf(plane, copied("to you"), stream);
      expect(text).toContain("to you");
      expect(text).not.toContain(MAIL);
      await plane.close();
    },
  );

  test("keeps what its provider says of it where nothing can be replaced", async () => {
    const plane = createAgentPlane();
    expect(await seenOf(plane, copied("to you"), true)).toContain(MAIL);
    expect(await seenOf(plane, copied("to you"), false)).toContain(MAIL);
    await plane.close();
  });

  test.each([false, true])("says nothing that a hook took out of it (stream: %s)", async (stream) => {
    const plane = createAgentPlane();
    plane.hooks.on("after_model_call", ({ result }) => ({
      result: JSON.parse(JSON.stringify(result).replaceAll("a secret", "nothing")),
    }));
    const text = await seenOf(plane, copied("a secret"), stream);
    expect(text).toContain("nothing");
    expect(text).not.toContain("a secret");
    await plane.close();
  });
});
