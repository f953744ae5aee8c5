import { rule, type Policy } from "@agentplane/core";
import OpenAI, { AzureOpenAI } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { govern, guardFetch, isPolicyError } from "../src/index.ts";
import {
  bareClient,
  collected,
  governedClient,
  IDENTITY,
  MESSAGES,
  MODEL,
  rejected,
} from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, data, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const STOP = { reason: "stop", by: "olga" };
const WRITER = { kind: "agent", id: "writer" } as const;
const chat = { model: MODEL, messages: MESSAGES };

const PATHS: readonly string[] = [
  "/chat/completions",
  "/CHAT/COMPLETIONS",
  "//chat//completions//",
  "/./chat/completions",
  "/files/../chat/completions",
  "/chat/completions?x=/files",
  "/chat/completions#/files",
  "/responses?beta=true",
  "/responses/compact",
  "/%2e%2e/v1/chat/completions",
  "/chat%2fcompletions",
  "/chat%2Fcompletions",
  "/chat%252fcompletions",
  "/%63hat/completions",
  "/chat/completion%73",
  "/chat/completions;x=1",
  "/chat/completions%20",
  "/chat/completions%00",
  "/chat/completions/.",
  "/chat\\completions",
  "/openai/deployments/d/chat/completions?api-version=2024-10-21",
  "/openai/deployments/d/extensions/chat/completions",
  "/openai/v1/responses",
  "/engines/e/completions",
  "/engines/e/embeddings",
  "/something/of/tomorrow",
  "/batches",
  "/batches/",
  "/assistants",
  "/threads/runs",
  "/threads/t1/runs",
  "/threads/t1/runs/r1",
  "/threads/t1/runs/r1/submit_tool_outputs",
  "/chatkit/sessions",
  "/videos",
  "/videos/v1/remix",
  "/evals",
  "/evals/e1/runs",
  "/fine_tuning/jobs",
  "/fine_tuning/alpha/graders/run",
  "/realtime/calls",
  "/realtime/client_secrets",
  "/realtime/sessions",
  "/live/sessions",
  "/agents/sessions/s1/events",
];

describe("an agent that was stopped reaches no model", () => {
  test.each(PATHS)("at %s", async (path) => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    const body = { ...chat, input: "hi" };
    const urls = [`${provider.url}${path}`, `${provider.url.replace("/v1", "")}${path}`];
    const send = guardFetch(plane, IDENTITY);
    for (const url of urls) {
      const init = { method: "POST", body: JSON.stringify(body) };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await send(url, init)).status).toBe(403);
      // oxlint-disable-next-line no-await-in-loop
      expect((await send(new URL(url), { ...init, method: "post" })).status).toBe(403);
      // oxlint-disable-next-line no-await-in-loop
      expect((await send(new Request(url, init))).status).toBe(403);
      // oxlint-disable-next-line no-await-in-loop
      expect((await send(new Request(url, { ...init, method: "PUT" }), { method: "POST" })).status).toBe(403);
    }
    expect(isPolicyError(await rejected(client.post(path, { body })))).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("by any verb of the client, or a client within it", async () => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    const path = "/chat/completions";
    // Resources keep the client that they belong to.
    const inner = Reflect.get(client.chat.completions, "_client") as OpenAI;
    const calls = [
      client.post(path, { body: chat }),
      client.put(path, { body: chat }),
      client.patch(path, { body: chat }),
      client.request({ method: "post", path, body: chat }),
      client.post(`${provider.url}${path}`, { body: chat }),
      inner.chat.completions.create(chat),
      inner.withOptions({ fetch: globalThis.fetch }).post(path, { body: chat }),
      new OpenAI.Chat.Completions(client).create(chat),
      client.chat.completions.create(chat, { fetchOptions: { method: "GET" } as never }),
      client.chat.completions.create(chat, { headers: { "x-http-method-override": "GET" } }),
      client.delete(path, { body: chat, headers: { "x-http-method-override": "POST" } }),
    ];
    for (const call of calls) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(isPolicyError(await rejected(call))).toBe(true);
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("by a deployment of Azure, or a gateway with a path of its own", async () => {
    const { plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    const origin = provider.url.replace("/v1", "");
    const clients = [
      new AzureOpenAI({ apiKey: "test", apiVersion: "2024-10-21", endpoint: origin, deployment: "d" }),
      new AzureOpenAI({ apiKey: "test", apiVersion: "2024-10-21", endpoint: origin }),
      new OpenAI({ apiKey: "test", baseURL: origin }),
      new OpenAI({ apiKey: "test", baseURL: `${origin}/gateway/files/openai/v1/` }),
      new OpenAI({ apiKey: "test", baseURL: `${origin}/vector_stores/vs/files` }),
    ];
    for (const bare of clients) {
      const client = govern(plane, IDENTITY, bare);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(isPolicyError(await rejected(client.chat.completions.create(chat)))).toBe(true);
      // oxlint-disable-next-line no-await-in-loop
      expect(isPolicyError(await rejected(client.responses.create({ model: MODEL, input: "hi" })))).toBe(
        true,
      );
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});

describe("an answer in the background", () => {
  test("is redacted wherever it is read: created, retrieved, cancelled, streamed from a place on", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    const seen: unknown[] = [];
    provider.reset({ json: { ...responsesBody(MAIL), status: "queued" } });
    seen.push(await client.responses.create({ model: MODEL, input: "hi", background: true }));
    provider.reset({ json: responsesBody(MAIL) });
    seen.push(await client.responses.retrieve("resp_1"), await client.responses.cancel("resp_1"));
    const item = { item_id: "m1", output_index: 0, content_index: 0 };
    const events = [
      ...["to mira@exa", "mple.com"].map((delta) => ({ type: "response.output_text.delta", ...item, delta })),
      { type: "response.output_text.done", ...item, text: `to ${MAIL}` },
      { type: "response.completed", response: responsesBody(MAIL) },
    ];
    provider.reset({ stream: events.map(data) });
    seen.push(
      await collected(await client.responses.retrieve("resp_1", { stream: true, starting_after: 3 })),
    );
    const text = JSON.stringify(seen);
    expect(text).toContain("resp_1");
    expect(text).not.toMatch(/mira@exa|mple\.com/);
    await plane.close();
  });
});

describe("a form", () => {
  test("says its words to the rules, whatever its file says", async () => {
    const policies = [{ id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset({ json: { data: [{ b64_json: "AA==" }] } });
    const image = new File(["picture"], "a.png", { type: "image/png" });
    await client.images.edit({ model: MODEL, image, prompt: `draw ${MAIL}` });
    expect(provider.last.text).toContain("picture");
    expect(provider.last.text).not.toContain(MAIL);
    await plane.close();
  });

  test("as bytes with a type of its own is no JSON: it is refused", async () => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json: { text: "hi" } });
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const body = `--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n${MAIL}\r\n--x--\r\n`;
    const send = guardFetch(plane, IDENTITY);
    for (const sent of [body, new TextEncoder().encode(body), new Blob([body])]) {
      const init = { method: "POST", body: sent, headers };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await send(`${provider.url}/images/edits`, init)).status).toBe(403);
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});

test("a bare client reaches the provider at the paths above: the test would see it", async () => {
  provider.reset(chatReply("hi"));
  await bareClient(provider).post("/chat/completions", { body: chat });
  expect(provider.seen).toHaveLength(1);
});
