import { rule, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch, isPolicyError } from "../src/index.ts";
import { collected, governedClient, IDENTITY, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, data, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const chat = { model: MODEL, messages: MESSAGES };

describe("a model call by another path", () => {
  test.each([
    "/threads/runs",
    "/v1/threads/runs/",
    "/files/..%2fchat%2fcompletions",
    "/files/%2e%2e%2fresponses",
    "/files/..%5cresponses",
    "/organization/projects/v1/%76ideos/edits",
  ])("%s is no path of data: it is refused", async (path) => {
    const { client, plane } = governedClient(provider);
    provider.reset({ json: {} });
    expect(isPolicyError(await rejected(client.post(path, { body: {} })))).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test.each(["/files/..%2fresponses%2fresp_1", "/%72esponses/resp_1", "/response%2573/resp_1"])(
    "a stored answer behind %s, a path in disguise, is read like any other",
    async (path) => {
      const { client, plane } = governedClient(provider, { policies: [REDACT] });
      provider.reset({ json: responsesBody(MAIL) });
      const answer = JSON.stringify(await client.get(path));
      expect(answer).toContain("resp_1");
      expect(answer).not.toContain(MAIL);
      await plane.close();
    },
  );

  test("a path in capitals is the same call, and its prompt is read", async () => {
    const policies = [{ id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] }];
    const { client, plane } = governedClient(provider, { policies });
    provider.reset(chatReply("hi"));
    await client.post("/CHAT/completions", {
      body: { model: MODEL, messages: [{ role: "user", content: MAIL }] },
    });
    expect(provider.last.text).not.toContain(MAIL);
    await plane.close();
  });
});

describe("an answer of another kind than was asked for", () => {
  const split = ["mira@exa", "mple.com"].map((content) =>
    data({ choices: [{ index: 0, delta: { content } }] }),
  );
  test.each(["true", 1])("a stream asked for by %o is a stream", async (stream) => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: [...split, "data: [DONE]\n\n"] });
    const body = JSON.stringify({ ...chat, stream });
    const response = await guardFetch(plane, IDENTITY)(`${provider.url}/chat/completions`, {
      method: "POST",
      body,
    });
    expect(await response.text()).not.toContain("mira@exa");
    await plane.close();
  });

  test("a stream that nobody asked for is withheld: its pieces would be read one by one", async () => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ stream: split });
    const response = await guardFetch(plane, IDENTITY)(`${provider.url}/chat/completions`, {
      method: "POST",
      body: JSON.stringify(chat),
    });
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain("mira@exa");
    await plane.close();
  });

  test("a transcription that is streamed is redacted across its pieces", async () => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({
      stream: [
        ...["to mira@exa", "mple.com"].map((delta) => data({ type: "transcript.text.delta", delta })),
        data({
          type: "transcript.text.done",
          text: `to ${MAIL}`,
          usage: { input_tokens: 1, output_tokens: 1 },
        }),
      ],
    });
    const file = new File(["sound"], "a.wav");
    const stream = await client.audio.transcriptions.create({ model: MODEL, file, stream: true });
    const text = JSON.stringify(await collected(stream));
    expect(text).not.toContain("mple.com");
    expect(text).toContain("transcript.text.done");
    await plane.close();
  });
});

describe("a form", () => {
  test.each([
    ["says a member twice", ["prompt", "prompt"]],
    ["says the model twice", ["model"]],
  ])("that %s is refused: nobody knows which one counts", async (_name, members) => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json: { text: "hi" } });
    const body = new FormData();
    body.append("model", MODEL);
    for (const member of members) body.append(member, "x");
    const send = guardFetch(plane, IDENTITY);
    const response = await send(`${provider.url}/audio/transcriptions`, { method: "POST", body });
    expect(response.status).toBe(403);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("that hides its prompt in a file is refused", async () => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset({ json: { text: "hi" } });
    const body = new FormData();
    body.append("prompt", new File([MAIL], "p.txt"));
    const send = guardFetch(plane, IDENTITY);
    const response = await send(`${provider.url}/images/edits`, { method: "POST", body });
    expect(response.status).toBe(403);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});

describe("a request", () => {
  test("that says a member twice goes out with the one that was decided", async () => {
    const { plane } = governedClient(provider);
    provider.reset(chatReply("hi"));
    const body = `{"model":"m","messages":[{"role":"user","content":"${MAIL}"}],"messages":[]}`;
    const send = guardFetch(plane, IDENTITY);
    await send(`${provider.url}/chat/completions`, { method: "POST", body });
    expect(provider.last.text).not.toContain(MAIL);
    await plane.close();
  });

  test("whose address changes while it is decided goes where it was decided for", async () => {
    const { plane } = governedClient(provider, { policies: [REDACT] });
    provider.reset(chatReply("hi"));
    const url = new URL(`${provider.url}/chat/completions`);
    const sent = guardFetch(plane, IDENTITY)(url, { method: "POST", body: JSON.stringify(chat) });
    url.pathname = "/v1/elsewhere";
    await sent;
    expect(provider.last.path).toBe("/v1/chat/completions");
    await plane.close();
  });
});
