import { createAgentPlane, rule } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { GuardrailsOpenAI, GuardrailTripwireTriggered } from "@openai/guardrails";
import OpenAI from "openai";
import { afterAll, describe, expect, test } from "vitest";

import { govern } from "../src/index.ts";
import { data } from "./replies.ts";

/** In the form that the evaluation of `@openai/guardrails` reads; `secret` is what must not be shown. */
const JSONL = `
{"id":"email","data":"Please write to ann.smith@acme.com about it.","secret":"ann.smith@acme.com","expectedTriggers":{"Contains PII":true,"Secret Keys":false}}
{"id":"card","data":"The card is 4111 1111 1111 1111, thanks.","secret":"4111 1111 1111 1111","expectedTriggers":{"Contains PII":true,"Secret Keys":false}}
{"id":"ssn","data":"My SSN is 536-22-8726 as I said.","secret":"536-22-8726","expectedTriggers":{"Contains PII":true,"Secret Keys":false}}
{"id":"key","data":"Use ghp_16C7e42F292c6912E7710c838347Ae178B4a for the build.","secret":"ghp_16C7e42F292c6912E7710c838347Ae178B4a","expectedTriggers":{"Contains PII":false,"Secret Keys":true}}
{"id":"plain","data":"Your order has been shipped and arrives on Monday.","secret":"","expectedTriggers":{"Contains PII":false,"Secret Keys":false}}
`;

interface Line {
  readonly id: string;
  readonly data: string;
  readonly secret: string;
  readonly expectedTriggers: Readonly<Record<string, boolean>>;
}
const LINES: readonly Line[] = JSONL.trim()
  .split("\n")
  .map((line) => JSON.parse(line));

/** Streams a text in pieces of four characters. */
function streaming(text: string): typeof fetch {
  const pieces = text.match(/[^]{1,4}/g) ?? [];
  const frames = pieces.map((content) =>
    data({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content } }] }),
  );
  const body = [...frames, "data: [DONE]\n\n"].join("");
  return async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
}

interface Streams {
  readonly chat: { readonly completions: { create(request: never): unknown } };
}

/** A chunk, or the summary that theirs adds at the end. */
interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
}

/** What a reader of the stream has seen when it ends, and whether it was stopped. */
async function seenOf(client: Streams): Promise<{ readonly text: string; readonly isStopped: boolean }> {
  const request = { model: "m", messages: [{ role: "user", content: "go" }], stream: true };
  let text = "";
  try {
    // Both clients take it; their types are of different versions of the SDK.
    const stream = (await client.chat.completions.create(request as never)) as AsyncIterable<Chunk>;
    for await (const chunk of stream) text += chunk.choices?.[0]?.delta?.content ?? "";
  } catch (error) {
    if (!(error instanceof GuardrailTripwireTriggered)) throw error;
    return { text, isStopped: true };
  }
  return { text, isStopped: false };
}

const plane = createAgentPlane({
  scanner: createScanner(),
  policies: [
    {
      id: "words",
      blocking: [rule.redact({ detect: ["email", "card", "ssn", "githubToken"], from: ["response"] })],
    },
  ],
});
afterAll(() => plane.close());

function ours(fetch: typeof globalThis.fetch): Streams {
  return govern(plane, { agent: "writer", tenant: "acme" }, new OpenAI({ apiKey: "test", fetch }));
}

function theirs(fetch: typeof globalThis.fetch): Promise<Streams> {
  const entities = ["EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN"];
  const guardrails = [
    { name: "Contains PII", config: { entities, block: true, detect_encoded_pii: false } },
    { name: "Secret Keys", config: { threshold: "balanced" } },
  ];
  // Its own copy of the SDK types `fetch` by another library.
  const client = { apiKey: "test", fetch: fetch as never };
  return GuardrailsOpenAI.create({ version: 1, output: { version: 1, guardrails } }, client);
}

/** Characters of a secret that stand in a text. */
function leaked(text: string, secret: string): number {
  let length = secret.length;
  while (length > 3 && !text.includes(secret.slice(0, length))) length--;
  return length > 3 ? length : 0;
}

describe.each(LINES)(
  "the same line through both, streamed: $id",
  ({ data: said, secret, expectedTriggers }) => {
    const isSecret = Object.values(expectedTriggers).some(Boolean);

    test("here nothing of a secret leaves, and what is none passes", async () => {
      const { text, isStopped } = await seenOf(ours(streaming(said)));
      expect(isStopped).toBe(false);
      expect(leaked(text, secret)).toBe(0);
      expect(text).toContain(isSecret ? said.slice(0, said.indexOf(secret)) : said);
    });

    test("there all of it has been read when the stream is stopped", async () => {
      const { text, isStopped } = await seenOf(await theirs(streaming(said)));
      expect(isStopped).toBe(isSecret);
      expect(leaked(text, secret)).toBe(secret.length);
    });
  },
);
