import { rule } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bareClient, collected, governedClient, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { responsesEvents } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const REDACT = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const chat = { model: MODEL, messages: MESSAGES, stream: true } as const;
const response = { model: MODEL, input: "hello", stream: true } as const;

/** A provider's answers, byte by byte: what is written so is put together again on its way. */
const byteByByte: typeof fetch = async (input, init) => {
  const whole = await fetch(input, init);
  const bytes = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (const byte of chunk) controller.enqueue(Uint8Array.of(byte));
    },
  });
  return new Response(whole.body?.pipeThrough(bytes), whole);
};
const LINE_ENDS = [
  ["LF", "\n"],
  ["CRLF", "\r\n"],
  ["CR", "\r"],
] as const;

describe("whatever the network cuts", () => {
  test.each(LINE_ENDS)(
    "gives the same events one byte at a time, lines ended by %s",
    async (_name, lineEnd) => {
      const stream = responsesEvents(["Grüße 🚀 ", "an alle"]).map((event) =>
        event.replaceAll("\n", lineEnd),
      );
      provider.reset({ stream });
      const bare = await collected(await bareClient(provider).responses.create(response));
      const { client, plane } = governedClient(provider);
      const cut = client.withOptions({ fetch: byteByByte });
      expect(await collected(await cut.responses.create(response))).toStrictEqual(bare);
      expect(bare.length).toBeGreaterThan(8);
      await plane.close();
    },
  );

  test.each(LINE_ENDS)("finds what is redacted, lines ended by %s", async (_name, lineEnd) => {
    const events = responsesEvents(["Grüße 🚀 von mira@exa", "mple.com, 世界"]);
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: [events.join("")] });
    const whole = await collected(await client.responses.create(response));
    provider.reset({ stream: events.map((event) => event.replaceAll("\n", lineEnd)) });
    const cut = client.withOptions({ fetch: byteByByte });
    const seen = await collected(await cut.responses.create(response));
    expect(seen).toStrictEqual(whole);
    const text = JSON.stringify(seen);
    const found = ["mira", "Grüße 🚀", "世界"].map((words) => text.includes(words));
    expect(found).toStrictEqual([false, true, true]);
    await plane.close();
  });

  test("keeps the lines of data that is no JSON, and redacts over their ends", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: ["data: write to\ndata: mira@example.com\ndata: now\n\n", "data: [DONE]\n\n"] });
    const left = await (await client.chat.completions.create(chat).asResponse()).text();
    expect(left).toMatch(/^data: write to\ndata: \[[^\]]*\]\ndata: now\n\n/);
    await plane.close();
  });

  test("reads data of several lines, comments and an event without its last blank line", async () => {
    const stream = [
      ': keep-alive\n\ndata: {"choices": [{"index": 0,\ndata: "delta": {"content": "hi"}}]}\n\n',
      "data: [DONE]",
    ];
    provider.reset({ stream });
    const { client, plane } = governedClient(provider);
    const chunks = await collected(await client.chat.completions.create(chat));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toStrictEqual(["hi"]);
    await plane.close();
  });
});
