import { rule } from "@agentplane/core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { collected, createLatch, governedClient, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatEvents, data, responsesEvents, USAGE } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const REDACT = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const BUDGET = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })],
};
const chat = { model: MODEL, messages: MESSAGES, stream: true } as const;
const response = { model: MODEL, input: "hello", stream: true } as const;

function chunkOf(event: string): { readonly choices: readonly unknown[] } {
  // What the provider here sends.
  return JSON.parse(event.slice(event.indexOf("{"))) as { choices: unknown[] };
}

async function used(
  plane: ReturnType<typeof governedClient>["plane"],
): Promise<{ used: number; held: number }> {
  const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
  return { used: state?.used ?? 0, held: state?.held ?? 0 };
}

test("an answer that is no stream, where one was asked for, is withheld instead of passing unread", async () => {
  const { client, plane } = governedClient(provider, { policies: [REDACT] });
  provider.reset({ json: { text: "mira@example.com" } });
  const error = await rejected(client.chat.completions.create(chat).asResponse());
  expect(error).toMatchObject({ status: 403, code: "agentplane_blocked" });
  await plane.close();
});

describe("redaction", () => {
  test("of a stream is that of the whole text, however it is cut", async () => {
    const text = "mail mira@example.com and tom@example.org, not @home.";
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: chatEvents([text]) });
    const whole = await client.chat.completions.stream({ model: MODEL, messages: MESSAGES }).finalContent();
    expect(whole).not.toContain("example");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 8 }), async (cuts) => {
        const places = [...new Set([0, ...cuts, text.length])].toSorted((a, b) => a - b);
        const pieces = places.slice(1).map((place, at) => text.slice(places[at], place));
        provider.reset({ stream: chatEvents(pieces) });
        const final = await client.chat.completions
          .stream({ model: MODEL, messages: MESSAGES })
          .finalContent();
        expect(final).toBe(whole);
      }),
      { numRuns: 40 },
    );
    await plane.close();
  });

  test("covers arguments of tool calls and what some providers add to a delta", async () => {
    const call = { id: "c1", name: "send", input: { to: "mira@example.com" } };
    const extra = ["think of mira@exa", "mple.com"].map((reasoning_content) =>
      data({ id: "x", choices: [{ index: 0, delta: { reasoning_content }, finish_reason: null }] }),
    );
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: [...extra, ...chatEvents(["hello"], [call])] });
    const chunks = await collected(await client.chat.completions.create(chat));
    expect(JSON.stringify(chunks)).not.toContain("example");
    expect(JSON.stringify(chunks)).toContain("hello");
    const parts = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(parts.map((part) => part.function?.arguments ?? "").join("")).toContain('"to":');
    await plane.close();
  });

  test("keeps the words of a choice that is a text alone, whichever place of the list it has", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    const events = [["write to mira@exa"], ["mple.com now"]].flatMap((choice) => [
      data({ id: "x", choices: choice }),
      data({ id: "x", choices: [{ index: 0, delta: { content: "first" } }, ...choice] }),
    ]);
    provider.reset({ stream: [...events, "data: [DONE]\n\n"] });
    // What left, not what the SDK makes of it: it takes a choice that is a text apart.
    const left = await (await client.chat.completions.create(chat).asResponse()).text();
    const chunks = left.split("\n\n").flatMap((event) => (event.includes("{") ? [chunkOf(event)] : []));
    for (const at of [0, 1]) {
      const texts = chunks.map(({ choices }) => choices[at]).filter((choice) => typeof choice === "string");
      expect(texts.join("")).toMatch(/^write to \[.*\] now$/);
    }
    await plane.close();
  });

  test("covers the name of a call that is proposed, as where the answer is no stream", async () => {
    const { client, plane } = governedClient(provider, {
      policies: [{ ...REDACT, selector: { hookpoints: ["after_model_call"] } }],
    });
    provider.reset({ stream: chatEvents([], [{ id: "c1", name: "mira@example.com", input: {} }]) });
    const chunks = await collected(await client.chat.completions.create(chat));
    const parts = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(parts.map((part) => part.function?.name ?? "").join("")).toMatch(/^\[.*\]$/);
    await plane.close();
  });

  test("replaces a text wherever the Responses API says it again, and spells out none of its tokens", async () => {
    const events = responsesEvents(["write to mira@exa", "mple.com now"]).map((event) =>
      !/output_text\.(?:delta|done)/.test(event)
        ? event
        : event.replaceAll(
            '"logprobs":[]',
            '"logprobs":[{"token":"mira@example.com","logprob":-1,"bytes":[]}]',
          ),
    );
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: events });
    const seen = await collected(await client.responses.create(response));
    const text = JSON.stringify(seen);
    expect(text).not.toContain("example");
    const [done] = seen.flatMap((event) => (event.type === "response.output_text.done" ? [event.text] : []));
    const deltas = seen.flatMap((event) =>
      event.type === "response.output_text.delta" ? [event.delta] : [],
    );
    expect(deltas.join("")).toBe(done);
    expect(text.split(JSON.stringify(done).slice(1, -1)).length).toBeGreaterThan(4);
    await plane.close();
  });
});

describe("usage", () => {
  test("is asked for where it is not, and its chunk is not shown", async () => {
    const { client, plane } = governedClient(provider, { policies: [BUDGET] });
    provider.reset({ stream: chatEvents(["hello"], [], true) });
    const chunks = await collected(await client.chat.completions.create(chat));
    expect(provider.last.json["stream_options"]).toStrictEqual({ include_usage: true });
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
    expect(await used(plane)).toStrictEqual({ used: USAGE.total_tokens, held: 0 });
    await plane.close();
  });

  test("that the caller asks for stays visible", async () => {
    const { client, plane } = governedClient(provider, { policies: [BUDGET] });
    provider.reset({ stream: chatEvents(["hello"], [], true) });
    const asked = { ...chat, stream_options: { include_usage: true } };
    const chunks = await collected(await client.chat.completions.create(asked));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: USAGE });
    await plane.close();
  });

  test("of a stream that the caller gives up is charged for what came", async () => {
    const { client, plane } = governedClient(provider, { policies: [BUDGET] });
    const end = createLatch();
    provider.reset({
      stream: chatEvents(["a long beginning ", "and the rest"]),
      beforePiece: (at) => (at === 2 ? end.opened : undefined),
    });
    const stream = await client.chat.completions.create(chat);
    for await (const { choices } of stream) if (choices[0]?.delta.content === "a long beginning ") break;
    end.open();
    await expect.poll(async () => (await used(plane)).held).toBe(0);
    const { used: charged } = await used(plane);
    expect(charged).toBeGreaterThan(0);
    expect(charged).toBeLessThan(200);
    await plane.close();
  });

  test("of a stream that was never read is given back", async () => {
    const { client, plane } = governedClient(provider, { policies: [BUDGET] });
    provider.reset({ json: { error: { message: "busy", type: "server_error" } }, status: 400 });
    await rejected(client.chat.completions.create(chat));
    expect(await used(plane)).toStrictEqual({ used: 0, held: 0 });
    await plane.close();
  });
});
