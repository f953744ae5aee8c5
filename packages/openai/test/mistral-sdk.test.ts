import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { HTTPClient, Mistral } from "@mistralai/mistralai";
import { MistralError } from "@mistralai/mistralai/models/errors";
import { afterAll, beforeAll, expect, test } from "vitest";

import { guardFetch } from "../src/index.ts";
import { collected, IDENTITY, rejected } from "./governed-client.ts";
import { Provider, type Reply } from "./provider.ts";
import { chatEvents, chatReply, USAGE } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = {
  id: "privacy",
  blocking: [rule.redact({ detect: ["email"], from: ["prompt", "response"] })],
};
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })],
};
const messages = [{ role: "user" as const, content: `I am ${MAIL}` }];
// Its server knows no `max_completion_tokens`, which a budget would limit where a request names no limit of its own.
const ask = { model: "mistral-test", messages, maxTokens: 64 };

function client(fetcher?: ReturnType<typeof guardFetch>): Mistral {
  const serverURL = provider.url.replace(/\/v1$/, "");
  return new Mistral({
    apiKey: "test",
    serverURL,
    ...(fetcher && { httpClient: new HTTPClient({ fetcher }) }),
  });
}

/** A stream of Mistral's: the tokens come with its last piece, asked for or not. */
function streamed(pieces: readonly string[]): Reply {
  const events = chatEvents(pieces);
  return {
    stream: events.map((event, at) =>
      at === events.length - 2
        ? event.replace('"choices"', `"usage":${JSON.stringify(USAGE)},"choices"`)
        : event,
    ),
  };
}

function governed(policies: readonly Policy[]) {
  const plane = createAgentPlane({ policies, scanner: createScanner() });
  return { plane, mistral: client(guardFetch(plane, IDENTITY)) };
}

/** As Mistral's server says it of every member that it does not know. */
const STRICT: Reply = {
  status: 422,
  json: {
    object: "error",
    message: { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options", "include_usage"] }] },
    type: "invalid_request_error",
  },
};

test("Mistral's SDK is what it was when everything is allowed, whole and streamed", async () => {
  const { plane, mistral } = governed([BUDGET]);
  const seen: unknown[] = [];
  for (const [one, refused] of [
    [client(), []],
    [mistral, [STRICT]],
    // The server is known by now.
    [mistral, []],
  ] as const) {
    provider.reset(chatReply("hello"), ...refused, streamed(["hel", "lo"]));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const whole = await one.chat.complete(ask);
    // oxlint-disable-next-line no-await-in-loop
    const pieces = await collected(await one.chat.stream(ask));
    const sent = provider.seen.map(({ path, json }) => ({ path, json }));
    expect(sent.splice(1, refused.length)).toHaveLength(refused.length);
    seen.push({ whole, pieces, sent });
  }
  expect(seen[1]).toStrictEqual(seen[0]);
  expect(seen[2]).toStrictEqual(seen[0]);
  const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
  expect(state).toMatchObject({ used: 4 * 15, held: 0 });
  await plane.close();
});

test("a stream that a server refuses with and without the question for its usage is sent twice, and no more", async () => {
  const { plane, mistral } = governed([]);
  const other = { ...ask, agentId: "ag_1" };
  provider.reset(STRICT);
  await rejected(mistral.agents.stream(other));
  await rejected(mistral.agents.stream(other));
  expect(provider.seen.map(({ json }) => "stream_options" in json)).toStrictEqual([true, false, true, false]);
  provider.reset({ ...STRICT, status: 403 });
  await rejected(mistral.agents.stream(other));
  expect(provider.seen).toHaveLength(1);
  await plane.close();
});

test("Mistral's SDK is redacted both ways, whole, streamed and filling in", async () => {
  const { plane, mistral } = governed([REDACT]);
  const calls = {
    chat: () => mistral.chat.complete(ask),
    agent: () => mistral.agents.complete({ agentId: "ag_1", messages }),
    filling: () => mistral.fim.complete({ model: "codestral", prompt: `I am ${MAIL}`, suffix: MAIL }),
    async stream() {
      provider.reset(streamed(["mail mira@exa", "mple.com now"]));
      return collected(await mistral.chat.stream(ask));
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    provider.reset(chatReply(`mail ${MAIL} now`));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const shown = JSON.stringify(await call());
    const sent = provider.last.text;
    const seen = [
      shown.includes("now"),
      shown.includes("example"),
      sent.includes("I am"),
      sent.includes(MAIL),
    ];
    expect({ name, seen }).toStrictEqual({ name, seen: [true, false, true, false] });
  }
  await plane.close();
});

test("Mistral's SDK is refused with its own error, in one attempt, and its conversations too", async () => {
  const { plane, mistral } = governed([]);
  provider.reset(chatReply("hello"));
  const open = await rejected(mistral.beta.conversations.start({ model: "mistral-test", inputs: "hi" }));
  expect(String(open)).toContain("passthrough");
  await plane.controls.unplug({ kind: "tenant", id: "acme" }, { reason: "stop", by: "olga" });
  const error = await rejected(mistral.chat.complete(ask));
  expect(error).toBeInstanceOf(MistralError);
  expect(error).toMatchObject({ statusCode: 403 });
  expect(String(error)).toContain("agentplane_blocked");
  expect(provider.seen).toHaveLength(0);
  await plane.close();
});

test.each([
  ["https://api.mistral.ai/v1/chat/completions", {}, { max_tokens: 4_096 }],
  ["https://eu.mistral.ai/v1/agents/completions", {}, { max_tokens: 4_096 }],
  ["https://api.mistral.ai/v1/chat/completions", { max_tokens: 9_000 }, { max_tokens: 4_096 }],
  ["https://api.openai.com/v1/chat/completions", {}, { max_completion_tokens: 4_096 }],
  ["https://mistral.ai.example.com/v1/chat/completions", {}, { max_completion_tokens: 4_096 }],
])(
  "a budget limits the output at %s, asked for with %j, by a name that is known there",
  async (url, named, limited) => {
    const maxOutput = rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant", maxOutput: 4_096 });
    const plane = createAgentPlane({ policies: [{ id: "budget", blocking: [maxOutput] }] });
    let sent: unknown;
    const fetch = guardFetch(plane, IDENTITY, {
      async fetch(_url, init) {
        // A body that was JSON is sent as a text.
        sent = JSON.parse(init?.body as string);
        return Response.json({ choices: [{ index: 0, message: { role: "assistant", content: "hi" } }] });
      },
    });
    const body = JSON.stringify({ model: "m", messages, ...named });
    await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
    expect(sent).toStrictEqual({ model: "m", messages, ...limited });
    await plane.close();
  },
);
