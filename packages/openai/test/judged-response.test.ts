import { getEventListeners } from "node:events";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch } from "../src/index.ts";
import { governedClient, IDENTITY, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const text = JSON.stringify((chatReply("hi") as { json: unknown }).json);

/** The same answer with and without a plane. */
async function bothResponses(): Promise<[governed: Response, bare: Response]> {
  const { plane } = governedClient(provider);
  provider.reset(chatReply("hi"));
  const url = `${provider.url}/chat/completions`;
  const asked = { method: "POST", body: JSON.stringify({ model: MODEL, messages: MESSAGES }) };
  const both = [await guardFetch(plane, IDENTITY)(url, asked), await fetch(url, asked)] as const;
  await plane.close();
  return [...both];
}

const READERS: Readonly<Record<string, (response: Response) => Promise<unknown>>> = {
  json: (response) => response.json(),
  text: (response) => response.text(),
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString("utf8"),
  bytes: async (response) => Buffer.from(await response.bytes()).toString("utf8"),
  blob: async (response) => (await response.blob()).text(),
  body: async (response) => new Response(response.body).text(),
  formData: (response) => response.formData().catch((error: Error) => error.name),
};

describe("an answer that a plane changed nothing of", () => {
  test("is a Response with the status, headers and address of the provider's", async () => {
    const [governed, bare] = await bothResponses();
    expect(governed).toBeInstanceOf(Response);
    const facts = ({ status, statusText, ok, url, redirected, type, headers }: Response) => ({
      status,
      statusText,
      ok,
      url,
      redirected,
      type,
      headers: [...headers].filter(([name]) => name !== "date"),
    });
    expect(facts(governed)).toStrictEqual(facts(bare));
  });

  test.each(Object.keys(READERS))("is read with %s, once, as without a plane", async (name) => {
    for (const response of await bothResponses()) {
      expect(response.bodyUsed).toBe(false);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const said = await READERS[name]!(response);
      expect(said).toStrictEqual(
        name === "json" ? JSON.parse(text) : name === "formData" ? "TypeError" : text,
      );
      expect(response.bodyUsed).toBe(true);
      const again = Object.values(READERS).map((read) => isRefused(read, response));
      // oxlint-disable-next-line no-await-in-loop
      expect(await Promise.all(again)).not.toContain(false);
      expect(() => response.clone()).toThrow(TypeError);
    }
  });

  test("is cloned before it is read, and each copy read once and for itself", async () => {
    for (const response of await bothResponses()) {
      const copy = response.clone();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [one, other] = [await copy.json(), await response.json()];
      expect(one).toStrictEqual(other);
      expect(one).not.toBe(other);
      expect([copy.bodyUsed, response.bodyUsed, copy.url]).toStrictEqual([true, true, response.url]);
    }
  });
});

async function isRefused(read: (response: Response) => Promise<unknown>, response: Response) {
  try {
    const said = await read(response);
    // What `formData` throws is told by its reader.
    return said === "TypeError";
  } catch (error) {
    return error instanceof TypeError;
  }
}

test("a caller's signal that outlives a call is let go of", async () => {
  const { signal } = new AbortController();
  const { plane } = governedClient(provider);
  provider.reset(chatReply("hi"));
  const send = guardFetch(plane, IDENTITY, {
    fetch: async (_input, init) => {
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      expect(init?.signal?.aborted).toBe(false);
      return new Response(text);
    },
  });
  await send("http://provider/v1/chat/completions", { method: "POST", body: "{}", signal });
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  await plane.close();
});

test.each([
  ["nobody answers questions: it needs none", {}, undefined],
  [
    "somebody answers questions: it is known again when it is sent again",
    { approvals: { resolver: () => undefined } },
    "http",
  ],
] as const)("a request has the id of a question only where %s", async (_name, options, kind) => {
  const { client, plane } = governedClient(provider, options);
  const ids: unknown[] = [];
  plane.hooks.on("before_model_call", ({ callId, questionId }) => {
    ids.push(callId, questionId?.split("-")[0]);
  });
  provider.reset(chatReply("hi"));
  await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
  await plane.close();
  // By a call id every request would be remembered, also one that needs nobody.
  expect(ids).toStrictEqual([undefined, kind]);
});
