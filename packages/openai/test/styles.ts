import type OpenAI from "openai";

import { collected } from "./governed-client.ts";
import type { Reply } from "./provider.ts";
import { chatEvents, chatReply, data, responsesBody, responsesEvents, USAGE } from "./replies.ts";

export const SECRET = "mira@example.com";
export const TEXT = `write to ${SECRET} today`;
const PIECES = ["write to mi", "ra@exa", "mple.com to", "day"];
export const model = "gpt-test";
export const messages = [{ role: "user" as const, content: "hello" }];

export interface Style {
  readonly name: string;
  readonly reply: () => Reply;
  /** Everything that the caller can see of the answer. */
  readonly call: (client: OpenAI) => Promise<unknown>;
}

const streamed = (): Reply => ({ stream: chatEvents(PIECES) });
const respond = (): Reply => ({ stream: responsesEvents(PIECES) });
const json = (body: unknown) => (): Reply => ({ json: body });

export const STYLES: readonly Style[] = [
  {
    name: "chat.create",
    reply: () => chatReply(TEXT),
    call: (c) => c.chat.completions.create({ model, messages }),
  },
  {
    name: "chat.create().withResponse()",
    reply: () => chatReply(TEXT),
    async call(c) {
      const {
        data: body,
        response,
        request_id,
      } = await c.chat.completions.create({ model, messages }).withResponse();
      return { body, status: response.status, request_id };
    },
  },
  {
    name: "chat.create().asResponse()",
    reply: () => chatReply(TEXT),
    call: async (c) => (await c.chat.completions.create({ model, messages }).asResponse()).text(),
  },
  {
    name: "chat.create stream",
    reply: streamed,
    call: async (c) => collected(await c.chat.completions.create({ model, messages, stream: true })),
  },
  {
    name: "chat.create stream, tee",
    reply: streamed,
    async call(c) {
      const [one, two] = (await c.chat.completions.create({ model, messages, stream: true })).tee();
      return Promise.all([collected(one), collected(two)]);
    },
  },
  {
    name: "chat.stream helper",
    reply: streamed,
    call: (c) => c.chat.completions.stream({ model, messages }).finalChatCompletion(),
  },
  {
    name: "chat.parse",
    reply: () => chatReply(TEXT),
    call: (c) => c.chat.completions.parse({ model, messages }),
  },
  {
    name: "runTools",
    reply: () => chatReply(TEXT),
    call: (c) => c.chat.completions.runTools({ model, messages, tools: [] }).finalContent(),
  },
  {
    name: "responses.create",
    reply: json(responsesBody(TEXT)),
    call: (c) => c.responses.create({ model, input: "hello" }),
  },
  {
    name: "responses.create stream",
    reply: respond,
    call: async (c) => collected(await c.responses.create({ model, input: "hello", stream: true })),
  },
  {
    name: "responses.stream helper",
    reply: respond,
    call: (c) => c.responses.stream({ model, input: "hello" }).finalResponse(),
  },
  {
    name: "responses.parse",
    reply: json(responsesBody(TEXT)),
    call: (c) => c.responses.parse({ model, input: "hello" }),
  },
  {
    name: "responses.retrieve",
    reply: json(responsesBody(TEXT)),
    call: (c) => c.responses.retrieve("resp_1"),
  },
  {
    name: "responses.retrieve stream",
    reply: respond,
    call: async (c) => collected(await c.responses.retrieve("resp_1", { stream: true })),
  },
  {
    name: "completions.create",
    reply: json({
      id: "c",
      object: "text_completion",
      created: 1,
      model,
      choices: [{ index: 0, text: TEXT, finish_reason: "stop", logprobs: null }],
      usage: USAGE,
    }),
    call: (c) => c.completions.create({ model, prompt: "hello" }),
  },
  {
    name: "completions.create stream",
    reply: () => ({
      stream: [
        ...PIECES.map((text) =>
          data({ id: "c", choices: [{ index: 0, text, finish_reason: null, logprobs: null }] }),
        ),
        "data: [DONE]\n\n",
      ],
    }),
    call: async (c) => collected(await c.completions.create({ model, prompt: "hello", stream: true })),
  },
  {
    name: "client.post",
    reply: () => chatReply(TEXT),
    call: (c) => c.post("/chat/completions", { body: { model, messages } }),
  },
  {
    name: "a clone",
    reply: () => chatReply(TEXT),
    call: (c) => c.withOptions({ maxRetries: 0 }).chat.completions.create({ model, messages }),
  },
  {
    name: "audio.transcriptions",
    reply: json({
      text: TEXT,
      usage: { type: "tokens", input_tokens: 1, output_tokens: 2, total_tokens: 3 },
    }),
    call: (c) => c.audio.transcriptions.create({ model, file: new File(["sound"], "a.wav") }),
  },
  {
    name: "images.generate",
    reply: json({ created: 1, data: [{ url: "http://localhost/x.png", revised_prompt: TEXT }] }),
    call: (c) => c.images.generate({ model, prompt: "a cat" }),
  },
];

/** Styles whose answer has no words. */
export const WORDLESS: readonly Style[] = [
  {
    name: "embeddings.create",
    reply: json({
      object: "list",
      model,
      data: [{ object: "embedding", index: 0, embedding: [0.5, -1] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    }),
    call: (c) => c.embeddings.create({ model, input: "hello", encoding_format: "float" }),
  },
  {
    name: "moderations.create",
    reply: json({ id: "m", model, results: [{ flagged: false, categories: {}, category_scores: {} }] }),
    call: (c) => c.moderations.create({ model, input: "hello" }),
  },
  {
    name: "audio.speech",
    reply: () => ({ bytes: Uint8Array.of(1, 2, 3, 255), type: "audio/mpeg" }),
    call: async (c) => [
      ...new Uint8Array(
        await (await c.audio.speech.create({ model, voice: "alloy", input: "hello" })).arrayBuffer(),
      ),
    ],
  },
];
