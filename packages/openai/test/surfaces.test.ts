import { rule } from "@agentplane/core";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { govern, guardFetch, isPolicyError } from "../src/index.ts";
import { bareClient, governedClient, IDENTITY, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const chat = { model: MODEL, messages: MESSAGES };
const STOP = { reason: "stop", by: "olga" };
const WRITER = { kind: "agent", id: "writer" } as const;

describe("ways around", () => {
  test("a clone with a fetch of its own, and a clone of a clone, are governed", async () => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    const clones = [
      client.withOptions({ fetch: globalThis.fetch }),
      client.withOptions({ maxRetries: 0 }).withOptions({ fetch: globalThis.fetch }),
      client.withOptions({ baseURL: provider.url.replace("/v1", "/other") }),
    ];
    for (const clone of clones) {
      expect(clone).toBeInstanceOf(OpenAI);
      expect(clone.constructor).toBe(OpenAI);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(isPolicyError(await rejected(clone.chat.completions.create(chat)))).toBe(true);
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("the client that was given is not changed, and a subclass stays one", async () => {
    class Own extends OpenAI {
      readonly own = true;
    }
    const { plane } = governedClient(provider);
    const given = new Own({ apiKey: "test", baseURL: provider.url });
    const governed = govern(plane, IDENTITY, given);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    expect(governed).toBeInstanceOf(Own);
    expect(governed.own).toBe(true);
    await given.chat.completions.create(chat);
    expect(provider.seen).toHaveLength(1);
    await plane.close();
  });

  test.each([
    ["of the realtime API for Node.js", (client: OpenAI) => new OpenAIRealtimeWS({ model: MODEL }, client)],
    ["of the realtime API", (client: OpenAI) => new OpenAIRealtimeWebSocket({ model: MODEL }, client)],
  ])("a WebSocket %s is refused with a message that says why", async (_name, open) => {
    const { client, plane } = governedClient(provider);
    expect(() => open(client)).toThrow(/opens no WebSocket/);
    await plane.close();
  });

  test("a client with an x509 credential is refused: it would not use our fetch", () => {
    const { plane } = governedClient(provider);
    const client = bareClient(provider);
    Object.assign(client, { _options: { x509Transport: {} } });
    expect(() => govern(plane, IDENTITY, client)).toThrow(/x509/);
  });

  test.each([
    ["post", "/batches"],
    ["post", "/realtime/client_secrets"],
    ["post", "/threads/t1/runs"],
    ["post", "/fine_tuning/jobs"],
    ["post", "/videos"],
    ["post", "/something/new"],
    ["put", "/agents/a1"],
  ] as const)("%s %s is refused: a model may run behind it out of sight", async (method, path) => {
    const { client, plane } = governedClient(provider);
    provider.reset({ json: {} });
    const error = await rejected(client[method](path, { body: {} }));
    expect(isPolicyError(error)).toBe(true);
    expect(String(error)).toContain("passthrough");
    expect(provider.seen).toHaveLength(0);
    const open = governedClient(provider, {}, { passthrough: [path] });
    await open.client[method](path, { body: {} });
    expect(provider.seen).toHaveLength(1);
    await plane.close();
    await open.plane.close();
  });

  test.each([
    "//chat/completions",
    "/chat/completions/",
    "/chat/completions?x=1",
    "/openai/deployments/d/chat/completions",
  ])("the path %s is the same call", async (path) => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    expect(isPolicyError(await rejected(client.post(path, { body: chat })))).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("a body that no policy can read is refused", async () => {
    const { plane } = governedClient(provider);
    provider.reset(chatReply("hi"));
    const fetch = guardFetch(plane, IDENTITY);
    for (const body of ["no json", new Uint8Array([31, 139, 8]), "[1]"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await fetch(`${provider.url}/chat/completions`, { method: "POST", body })).status).toBe(403);
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});

describe("what is not a model's", () => {
  test("files, lists and uploads pass untouched", async () => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset({ json: { id: "f", object: "file", data: [] } });
    await client.files.create({ purpose: "user_data", file: new File(["mira@example.com"], "a.txt") });
    expect(provider.last.text).toContain("mira@example.com");
    await client.models.list();
    await client.vectorStores.create({ name: "v" });
    expect(provider.seen).toHaveLength(3);
    await plane.close();
  });
});

describe("requests", () => {
  test("go out byte for byte when nothing changes them", async () => {
    const { client, plane } = governedClient(provider);
    provider.reset(chatReply("hi"));
    const body = {
      ...chat,
      seed: 7,
      tools: [{ type: "function" as const, function: { name: "find", parameters: {} } }],
    };
    await bareClient(provider).chat.completions.create(body);
    const bare = provider.last;
    await client.chat.completions.create(body);
    const { headers, ...rest } = provider.last;
    const { headers: bareHeaders, ...bareRest } = bare;
    expect(rest).toStrictEqual(bareRest);
    expect(headers).toStrictEqual(bareHeaders);
    await plane.close();
  });

  test("carry no prompt that is to be redacted", async () => {
    const policies = [{ id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset(chatReply("hi"));
    const content = "mail mira@example.com";
    await client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] });
    provider.replies = [{ json: responsesBody("hi") }];
    await client.responses.create({
      model: MODEL,
      instructions: content,
      input: [{ role: "user", content }],
    });
    provider.replies = [{ json: { object: "list", data: [], model: MODEL } }];
    await client.embeddings.create({ model: MODEL, input: [content] });
    provider.replies = [{ json: { text: "hi" } }];
    await client.audio.transcriptions.create({
      model: MODEL,
      prompt: content,
      file: new File(["sound"], "a.wav"),
    });
    expect(provider.last.text).toContain("sound");
    expect(provider.seen).toHaveLength(4);
    for (const { text } of provider.seen) expect(text).not.toContain("example.com");
    await plane.close();
  });

  test("offer no tool that a policy forbids, hosted ones and remote servers too", async () => {
    const policies = [{ id: "p", blocking: [rule.denylist({ tools: ["wipe", "web_search", "mcp"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset({ json: responsesBody("hi") });
    await client.responses.create({
      model: MODEL,
      input: "hello",
      tool_choice: { type: "function", name: "wipe" },
      tools: [
        { type: "function", name: "wipe", parameters: {}, strict: false },
        { type: "function", name: "find", parameters: {}, strict: false },
        { type: "web_search" },
        { type: "mcp", server_label: "shop", server_url: "http://localhost" },
      ],
    });
    expect(provider.last.json["tools"]).toStrictEqual([
      { type: "function", name: "find", parameters: {}, strict: false },
    ]);
    expect(provider.last.json).not.toHaveProperty("tool_choice");
    provider.replies = [chatReply("hi")];
    const functions = [{ name: "wipe", parameters: {} }];
    await client.chat.completions.create({ ...chat, functions, function_call: "auto" });
    expect(provider.last.json).not.toHaveProperty("functions");
    expect(provider.last.json).not.toHaveProperty("function_call");
    await plane.close();
  });
});

describe("options", () => {
  test("that would do nothing are refused, with what to do instead", () => {
    const { plane } = governedClient(provider);
    const wrong = { aprovalWaitMs: 5, proposedCalls: "no", passthrough: ["batches"] };
    // @ts-expect-error -- from JavaScript
    expect(() => guardFetch(plane, IDENTITY, wrong)).toThrow(
      /aprovalWaitMs[\s\S]*proposedCalls[\s\S]*passthrough\[0\]/,
    );
  });
});
