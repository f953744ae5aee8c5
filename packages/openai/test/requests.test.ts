import { rule } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bareClient, governedClient, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const chat = { model: MODEL, messages: MESSAGES };

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
    provider.replies = [{ json: { id: "c1", object: "conversation", input_tokens: 1 } }];
    const items = [{ type: "message" as const, role: "user" as const, content }];
    await client.conversations.create({ items });
    await client.post("/conversations/c1/items", { body: { items } });
    await client.post("/threads/t1/messages", { body: { role: "user", content } });
    await client.responses.inputTokens.count({ model: MODEL, input: content });
    await client.conversations.create();
    // What a model reads beside its prompt.
    const prediction = { type: "content" as const, content };
    await client.chat.completions.create({ ...chat, prediction });
    await client.completions.create({ model: MODEL, prompt: "x", suffix: content });
    await client.audio.speech.create({ model: MODEL, voice: "alloy", input: "x", instructions: content });
    await client.post("/images/generations", { body: { prompt: "x", negative_prompt: content } });
    expect(provider.seen).toHaveLength(13);
    for (const { text } of provider.seen) expect(text).not.toContain("example.com");
    await plane.close();
  });

  test("offer no tool that a policy forbids, hosted ones and remote servers too", async () => {
    const policies = [{ id: "p", blocking: [rule.denylist({ tools: ["wipe", "web_search", "mcp"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset({ json: responsesBody("hi") });
    const group = { type: "namespace" as const, name: "crm", description: "Customers." };
    const call = { type: "function" as const, name: "call" };
    await client.responses.create({
      model: MODEL,
      input: "hello",
      tool_choice: { type: "function", name: "wipe" },
      tools: [
        { type: "function", name: "wipe", parameters: {}, strict: false },
        { type: "function", name: "find", parameters: {}, strict: false },
        { type: "web_search" },
        { type: "mcp", server_label: "shop", server_url: "http://localhost" },
        { ...group, tools: [{ type: "function", name: "wipe" }, call] },
        { ...group, name: "ops", tools: [{ type: "function", name: "wipe" }] },
      ],
    });
    expect(provider.last.json["tools"]).toStrictEqual([
      { type: "function", name: "find", parameters: {}, strict: false },
      { ...group, tools: [call] },
    ]);
    expect(provider.last.json).not.toHaveProperty("tool_choice");
    provider.replies = [chatReply("hi")];
    const functions = [{ name: "wipe", parameters: {} }];
    await client.chat.completions.create({
      ...chat,
      functions,
      function_call: "auto",
      web_search_options: {},
    });
    for (const member of ["functions", "function_call", "web_search_options"]) {
      expect(provider.last.json).not.toHaveProperty(member);
    }
    await plane.close();
  });

  test.each(["NO_EXTERNAL", "SAFE_TOOLS_ONLY"] as const)(
    "offer nothing that runs at the provider in mode %s",
    async (mode) => {
      const tools = { find: { access: "read" as const, external: false, safe: true } };
      const { client, plane } = governedClient(provider, { tools });
      const find = { type: "function" as const, name: "find", parameters: {}, strict: false };
      const ask = (): Promise<unknown> =>
        client.responses.create({
          model: MODEL,
          input: "hello",
          tools: [
            find,
            { type: "web_search" },
            { type: "file_search", vector_store_ids: ["vs_1"] },
            { type: "mcp", server_label: "shop", server_url: "http://localhost" },
          ],
        });
      provider.reset({ json: responsesBody("hi") });
      await ask();
      expect(provider.last.json["tools"]).toHaveLength(4);
      await plane.controls.degrade({ kind: "agent", id: "writer" }, mode, { reason: "test", by: "olga" });
      await ask();
      expect(provider.last.json["tools"]).toStrictEqual([find]);
      await plane.close();
    },
  );

  test("offer no forbidden tool in the middle of a conversation, and no source that Azure searches", async () => {
    const policies = [{ id: "p", blocking: [rule.denylist({ tools: ["web_search", "azure_search"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset({ json: responsesBody("hi") });
    const find = { type: "function", name: "find", parameters: {}, strict: false };
    for (const type of ["additional_tools", "tool_search_output"]) {
      const item = { type, role: "developer", tools: [{ type: "web_search" }, find] };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await client.post("/responses", { body: { model: MODEL, input: [item] } });
      expect(provider.last.json["input"]).toStrictEqual([{ ...item, tools: [find] }]);
    }
    provider.replies = [chatReply("hi")];
    const data_sources = [{ type: "azure_search", parameters: {} }];
    await client.post("/chat/completions", { body: { ...chat, data_sources } });
    expect(provider.last.json).not.toHaveProperty("data_sources");
    await plane.close();
  });
});
