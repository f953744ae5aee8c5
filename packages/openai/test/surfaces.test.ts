import { rule } from "@agentplane/core";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { govern, guardFetch, isPolicyError } from "../src/index.ts";
import { bareClient, governedClient, IDENTITY, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply } from "./replies.ts";

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

  test("a fetch that is set on the client itself is refused, not used", async () => {
    const { client, plane } = governedClient(provider);
    await plane.controls.unplug(WRITER, STOP);
    provider.reset(chatReply("hi"));
    expect(() => Object.assign(client, { fetch: globalThis.fetch })).toThrow(/withOptions/);
    expect(isPolicyError(await rejected(client.chat.completions.create(chat)))).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("one that two planes govern is stopped by each of them, and so are its clones", async () => {
    const { client, plane } = governedClient(provider);
    const outer = governedClient(provider);
    const twice = govern(outer.plane, IDENTITY, client).withOptions({ maxRetries: 0 });
    provider.reset(chatReply("hi"));
    await twice.chat.completions.create(chat);
    for (const one of [plane, outer.plane]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await one.controls.unplug(WRITER, STOP);
      // oxlint-disable-next-line no-await-in-loop
      expect(isPolicyError(await rejected(twice.chat.completions.create(chat)))).toBe(true);
      // oxlint-disable-next-line no-await-in-loop
      await one.controls.plug(WRITER, { by: "olga" });
    }
    expect(provider.seen).toHaveLength(1);
    await plane.close();
    await outer.plane.close();
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
    ["post", "/decisions"],
    ["post", "/live/sessions"],
    ["post", "/organization/acme/v1/batches"],
    ["post", "/organization/projects/v1/videos/edits"],
    ["post", "/files/v1/threads/t1/runs"],
    ["post", "/vaults/realtime/calls/c1/accept"],
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
    for (const member of ["model", "prompt", "negative_prompt", "input", "instructions", "stream"]) {
      const body = new FormData();
      for (const value of ["one", "two"]) body.append(member, value);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await fetch(`${provider.url}/images/edits`, { method: "POST", body })).status).toBe(403);
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
    await client.post("/organization/projects/p1/service_accounts/s1/api_keys");
    await client.conversations.update("c1", { metadata: {} });
    await client.batches.cancel("b1");
    expect(provider.seen).toHaveLength(6);
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

test("a refusal names the decision that the records name, as the id of the request and beside its code", async () => {
  const recorded: string[] = [];
  const { client, plane } = governedClient(provider, {
    policies: [
      { id: "no", blocking: [rule.condition({ where: { model: MODEL }, then: "block", reason: "not now" })] },
    ],
    audit: {
      append: (record) => void (record.kind === "decision" && recorded.push(record.decision.id)),
      flush: () => undefined,
      close: () => undefined,
    },
  });
  const error = await rejected(client.chat.completions.create(chat));
  expect(recorded).toHaveLength(1);
  expect(error).toMatchObject({
    status: 403,
    code: "agentplane_blocked",
    type: "policy_violation",
    requestID: recorded[0],
    error: { decision_id: recorded[0] },
  });
  await plane.close();
});
