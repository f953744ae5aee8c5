import { createOpenAI } from "@ai-sdk/openai";
import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { APICallError, generateText, jsonSchema, streamText, tool, type LanguageModel } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch } from "../src/index.ts";
import { collected, IDENTITY, rejected } from "./governed-client.ts";
import { Provider, type Reply } from "./provider.ts";
import { chatEvents, chatReply, responsesBody, responsesEvents, type Call } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = {
  id: "privacy",
  blocking: [rule.redact({ detect: ["email"], from: ["prompt", "response"] })],
};
const NO_WIPE: Policy = { id: "no", blocking: [rule.denylist({ tools: ["wipe"] })] };
const BUDGET: Policy = {
  id: "budget",
  blocking: [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" })],
};

interface Api {
  readonly name: string;
  model(fetch: ReturnType<typeof guardFetch> | undefined): LanguageModel;
  whole(text: string, calls?: readonly Call[]): Reply;
  streamed(pieces: readonly string[], calls?: readonly Call[]): Reply;
}

function openai(fetch: ReturnType<typeof guardFetch> | undefined) {
  return createOpenAI({ apiKey: "test", baseURL: provider.url, ...(fetch && { fetch }) });
}

const APIS: readonly Api[] = [
  {
    name: "responses",
    model: (fetch) => openai(fetch)("gpt-test"),
    whole: (text, calls) => ({ json: responsesBody(text, calls) }),
    streamed: (pieces, calls) => ({ stream: responsesEvents(pieces, calls) }),
  },
  {
    name: "chat",
    model: (fetch) => openai(fetch).chat("gpt-test"),
    whole: chatReply,
    streamed: (pieces, calls) => ({ stream: chatEvents(pieces, calls, true) }),
  },
];

describe.each(APIS)("@ai-sdk/openai through guardFetch, $name", ({ model, whole, streamed }) => {
  function governed(policies: readonly Policy[]) {
    const plane = createAgentPlane({ policies, scanner: createScanner() });
    return { plane, guarded: model(guardFetch(plane, IDENTITY)) };
  }
  const ask = (chosen: LanguageModel) => ({ model: chosen, prompt: `I am ${MAIL}` });

  test("is what it was when everything is allowed, whole and streamed", async () => {
    const { plane, guarded } = governed([]);
    const seen: unknown[] = [];
    for (const chosen of [model(undefined), guarded]) {
      provider.reset(whole("hello"), streamed(["hel", "lo"]));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { text, usage, finishReason, content } = await generateText(ask(chosen));
      // oxlint-disable-next-line no-await-in-loop
      const parts = await collected(streamText(ask(chosen)).textStream);
      seen.push({ text, usage, finishReason, content, parts, sent: provider.seen.map(({ json }) => json) });
    }
    expect(seen[1]).toStrictEqual(seen[0]);
    await plane.close();
  });

  test("is redacted both ways, and charged", async () => {
    const { plane, guarded } = governed([REDACT, BUDGET]);
    provider.reset(whole(`mail ${MAIL}`));
    const { text } = await generateText(ask(guarded));
    expect(text).toContain("mail");
    expect(text).not.toContain("example");
    expect(provider.last.text).toContain("I am");
    expect(provider.last.text).not.toContain(MAIL);
    provider.reset(streamed(["mail mira@exa", "mple.com now"]));
    const shown = (await collected(streamText(ask(guarded)).textStream)).join("");
    expect(shown).toContain("now");
    expect(shown).not.toContain("example");
    const [state] = await plane.limits.read({ policyId: "budget", ruleId: "tokenBudget", tenant: "acme" });
    expect(state).toMatchObject({ used: 2 * 15, held: 0 });
    await plane.close();
  });

  test("is refused with its own error, in one attempt", async () => {
    const { plane, guarded } = governed([]);
    await plane.controls.unplug({ kind: "tenant", id: "acme" }, { reason: "stop", by: "olga" });
    provider.reset(whole("hello"));
    const error = await rejected(generateText(ask(guarded)));
    expect(APICallError.isInstance(error) && error.statusCode).toBe(403);
    expect(APICallError.isInstance(error) && error.responseBody).toContain("agentplane_blocked");
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test("offers no tool that a policy forbids, and runs none that the model calls all the same", async () => {
    const { plane, guarded } = governed([NO_WIPE]);
    let runs = 0;
    const wipe = tool({ inputSchema: jsonSchema({ type: "object" }), execute: () => (runs += 1) });
    const calls = [{ id: "c1", name: "wipe", input: {} }];
    provider.reset(whole("", calls), whole("done"));
    await rejected(generateText({ ...ask(guarded), tools: { wipe }, maxRetries: 0 }));
    expect(provider.last.text).not.toContain("wipe");
    provider.reset(streamed([], calls));
    const result = streamText({ ...ask(guarded), tools: { wipe }, maxRetries: 0, onError: () => undefined });
    const parts = await collected(result.fullStream);
    expect(parts.map(({ type }) => type)).toContain("error");
    expect(runs).toBe(0);
    await plane.close();
  });
});
