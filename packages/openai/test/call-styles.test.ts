import { createAgentPlane, rule, type AgentPlane, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import OpenAI, { APIError, AzureOpenAI, PermissionDeniedError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { govern, isPolicyError } from "../src/index.ts";
import { createLatch } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatEvents, chatReply } from "./replies.ts";
import { SECRET, TEXT, model, messages, STYLES, WORDLESS } from "./styles.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const identity = { agent: "writer", tenant: "acme" };

function plain(): OpenAI {
  return new OpenAI({ apiKey: "test", baseURL: provider.url, maxRetries: 2 });
}

function governed(policies: readonly Policy[]): { readonly client: OpenAI; readonly plane: AgentPlane } {
  const plane = createAgentPlane({ policies, scanner: createScanner() });
  return { plane, client: govern(plane, identity, plain()) };
}

describe.each([...STYLES, ...WORDLESS])("$name", ({ reply, call }) => {
  test("gives exactly what the bare client gives when everything is allowed", async () => {
    provider.reset(reply());
    const bare = await call(plain());
    provider.reset(reply());
    const { client, plane } = governed([]);
    expect(JSON.stringify(await call(client))).toBe(JSON.stringify(bare));
    await plane.close();
  });

  test("sends nothing when the model call is blocked, in one attempt", async () => {
    provider.reset(reply());
    const { client, plane } = governed([]);
    await plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
    const error: unknown = await call(client).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(isPolicyError(error)).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});

describe.each(STYLES)("$name", ({ reply, call }) => {
  test("shows nothing of what is redacted, on any surface", async () => {
    provider.reset(reply());
    const { client, plane } = governed([{ id: "privacy", blocking: [rule.redact({ detect: ["email"] })] }]);
    const shown = JSON.stringify(await call(client));
    expect(provider.seen).toHaveLength(1);
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain("mira@");
    expect(shown).not.toContain("example.com");
    expect(shown).toContain("today");
    await plane.close();
  });
});

test("an error in the middle of a stream is the SDK's own, with our code", async () => {
  const { client, plane } = governed([]);
  const read = createLatch();
  provider.reset({
    stream: chatEvents(["one ", "two ", "three"]),
    async beforePiece(at) {
      if (at !== 2) return;
      await read.opened;
      await plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
    },
  });
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  const texts: unknown[] = [];
  const reading = (async (): Promise<void> => {
    for await (const { choices } of stream) {
      texts.push(choices[0]?.delta.content);
      read.open();
    }
  })();
  const error: unknown = await reading.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({ code: "agentplane_blocked", type: "policy_violation" });
  expect(texts).not.toContain("three");
  await plane.close();
});

test("Azure's deployments and gateways without /v1 are recognised by the end of the path", async () => {
  const { plane } = governed([]);
  await plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
  provider.reset(chatReply(TEXT));
  const azure = new AzureOpenAI({
    endpoint: provider.url.replace("/v1", ""),
    apiKey: "k",
    apiVersion: "2026-01-01",
    deployment: "d",
  });
  const gateway = new OpenAI({ apiKey: "k", baseURL: `${provider.url.replace("/v1", "")}/llm` });
  const clients = [azure, gateway].map((client) => {
    const under = govern(plane, identity, client);
    expect(under).toBeInstanceOf(client.constructor);
    return under;
  });
  for (const under of clients) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await expect(under.chat.completions.create({ model, messages })).rejects.toMatchObject({
      code: "agentplane_blocked",
    });
  }
  expect(provider.seen).toHaveLength(0);
  await plane.controls.plug({ kind: "agent", id: "writer" }, { by: "olga" });
  // What is not recognised would be refused, too.
  for (const under of clients) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { choices } = await under.chat.completions.create({ model, messages });
    expect(choices[0]?.message.content).toBe(TEXT);
  }
  await plane.close();
});
