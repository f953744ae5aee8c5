import { rule, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { collected, governedClient, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { data, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const chat = { model: MODEL, messages: MESSAGES };

describe("an answer that is read again", () => {
  const list = { object: "list", data: [{ id: "x", content: [{ type: "text", text: `to ${MAIL}` }] }] };
  test.each([
    ["get", "/chat/completions", list],
    ["get", "/chat/completions/c1/messages", list],
    ["get", "/conversations/c1/items", list],
    ["get", "/conversations/c1/items/i1", list.data[0]],
    ["get", "/responses/r1/input_items", list],
    ["get", "/threads/t1/messages", list],
    ["get", "/threads/t1/runs/r1/steps", list],
    ["get", "/RESPONSES/r1", responsesBody(`to ${MAIL}`)],
    ["post", "/responses/r1/cancel", responsesBody(`to ${MAIL}`)],
    ["post", "/chat/completions/c1", { choices: [{ message: { content: `to ${MAIL}` } }] }],
  ] as const)("is redacted: %s %s", async (method, path, json) => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json });
    const answer = JSON.stringify(await client[method](path));
    expect(answer).not.toContain(MAIL);
    expect(answer).toContain("to ");
    await plane.close();
  });
});

describe("what a stream of the Responses API says beside its deltas", () => {
  test.each([
    [
      "code of an item",
      { type: "response.output_item.done", item: { type: "code_interpreter_call", code: MAIL } },
    ],
    [
      "code in the whole answer",
      { type: "response.completed", response: { output: [{ type: "code_interpreter_call", code: MAIL }] } },
    ],
    ["an annotation", { type: "response.output_text.annotation.added", annotation: { title: MAIL } }],
    ["a command", { type: "response.shell_call_command.added", command: MAIL }],
    ["output of a shell", { type: "response.shell_call_output_content.delta", delta: { stdout: MAIL } }],
    [
      "output of a shell at its end",
      { type: "response.shell_call_output_content.done", output: [{ stdout: MAIL }] },
    ],
    ["an event that nobody knows", { type: "response.new", words: { of: [MAIL] } }],
    [
      "what a command is given, by whatever name",
      {
        type: "response.output_item.done",
        item: { type: "shell_call", call_id: "c1", action: { type: "exec", env: { id: MAIL, model: MAIL } } },
      },
    ],
    ["an event that is a list", [{ type: "response.new", text: MAIL }]],
    ["an event that is a text", MAIL],
    [
      "the text that some servers sum up",
      { type: "response.completed", response: { output: [], output_text: MAIL } },
    ],
  ])("is redacted: %s", async (_name, event) => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: [data(event)] });
    const seen = await collected(await client.responses.create({ model: MODEL, input: "hi", stream: true }));
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toContain(MAIL);
    await plane.close();
  });

  test("the text that some servers sum up is redacted in a whole answer too", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json: { ...responsesBody(`to ${MAIL}`), output_text: `to ${MAIL}` } });
    const answer = await client.responses.create({ model: MODEL, input: "hi" });
    expect(JSON.stringify(answer)).not.toContain(MAIL);
    await plane.close();
  });
});

describe("what a chat answer says beside its text", () => {
  test.each([
    ["a message in a chunk", { choices: [{ index: 0, delta: {}, message: { content: MAIL } }] }],
    ["a text beside a delta", { choices: [{ index: 0, delta: {}, text: MAIL }] }],
    ["members that some providers add", { choices: [], citations: [MAIL] }],
    ["the name of a source", { choices: [{ index: 0, delta: { annotations: [{ name: MAIL }] } }] }],
    ["choices by name", { choices: { 0: { index: 0, delta: { content: MAIL } } } }],
    ["a choice that is a text", { choices: [MAIL] }],
  ])("is redacted in a stream: %s", async (_name, chunk) => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: [data(chunk), "data: [DONE]\n\n"] });
    const seen = await collected(await client.chat.completions.create({ ...chat, stream: true }));
    expect(JSON.stringify(seen)).not.toContain(MAIL);
    expect(seen.length).toBeGreaterThan(0);
    // The SDK may take a text apart: what left is what counts.
    const response = await client.chat.completions.create({ ...chat, stream: true }).asResponse();
    expect(await response.text()).not.toContain(MAIL);
    await plane.close();
  });

  test("members that some providers add are redacted in a whole answer", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json: { choices: [], citations: [MAIL] } });
    expect(JSON.stringify(await client.chat.completions.create(chat))).not.toContain(MAIL);
    await plane.close();
  });

  test("sound that speaks a redacted transcript is taken out", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    const audio = { id: "a", data: "c3Bva2Vu", expires_at: 1, transcript: `to ${MAIL}` };
    provider.reset({
      json: { choices: [{ index: 0, message: { role: "assistant", content: null, audio } }] },
    });
    const answer = JSON.stringify(await client.chat.completions.create(chat));
    expect(answer).not.toContain(MAIL);
    expect(answer).not.toContain("c3Bva2Vu");
    await plane.close();
  });
});

describe("what a transcription says beside its text", () => {
  const CARD: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["card"] })] };
  const [first, second] = [" card 4111 1111", " 1111 1111, thanks"] as const;
  const text = `${first}${second}`.trim();
  const file = new File(["sound"], "a.wav");

  test("is taken out where it spells what is redacted: its words and segments", async () => {
    const { client, plane } = governedClient(provider, { policies: [CARD] });
    const words = text.split(" ").map((word, at) => ({ word, start: at, end: at + 1 }));
    const segments = [first, second].map((said, id) => ({ id, text: said, tokens: [4111] }));
    provider.reset({ json: { text, words, segments, language: "english" } });
    const answer = JSON.stringify(await client.audio.transcriptions.create({ model: MODEL, file }));
    expect(answer).toContain("[CARD], thanks");
    expect(answer).not.toMatch(/4111|1111/);
    // Where nothing is redacted it stays.
    provider.reset({ json: { text: "hello", words: [{ word: "hello", start: 0, end: 1 }] } });
    expect(JSON.stringify(await client.audio.transcriptions.create({ model: MODEL, file }))).toContain(
      "words",
    );
    await plane.close();
  });

  test("is redacted across the segments of a stream", async () => {
    const { client, plane } = governedClient(provider, { policies: [CARD] });
    const segment = { type: "transcript.text.segment", speaker: "A", start: 0, end: 1 };
    const segments = [first, second].map((said, at) => data({ ...segment, id: `s${at}`, text: said }));
    provider.reset({ stream: [...segments, data({ type: "transcript.text.done", text })] });
    const stream = await client.audio.transcriptions.create({ model: MODEL, file, stream: true });
    const answer = JSON.stringify(await collected(stream));
    expect(answer).toContain("transcript.text.segment");
    expect(answer).toContain("thanks");
    expect(answer).not.toMatch(/4111|1111/);
    await plane.close();
  });
});
