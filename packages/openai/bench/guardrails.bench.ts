/**
 * A chat completion whose answer is searched for addresses, cards, social security numbers and keys: with the detectors of
 * `@agentplane/safety` under a plane, and with those of `@openai/guardrails` (which brings an older `openai`), beside the
 * bare client, in turns in one process; p50 over the same lines as `test/openai-guardrails.test.ts`. Ours decides, records and
 * settles the call as well, and writes the answer again where theirs throws it away: it may add more, but fails beyond five
 * times as much. Run: npm run bench -- openai/guardrails
 */
import { createAgentPlane, rule } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { GuardrailsOpenAI, GuardrailTripwireTriggered } from "@openai/guardrails";
import OpenAI from "openai";

import { govern } from "../src/index.ts";

const [WARM_UP, ROUNDS, LIMIT] = [40, 400, 5];
const LINES = [
  "Please write to ann.smith@acme.com about it.",
  "The card is 4111 1111 1111 1111, thanks.",
  "My SSN is 536-22-8726 as I said.",
  "Use ghp_16C7e42F292c6912E7710c838347Ae178B4a for the build.",
  "Your order has been shipped and arrives on Monday.",
];

let said = "";
const fetch = async (): Promise<Response> => {
  const message = { role: "assistant", content: said };
  const usage = { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 };
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  const body = { id: "c", object: "chat.completion", created: 1, model: "m", choices, usage };
  return new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } });
};

const plane = createAgentPlane({
  scanner: createScanner(),
  audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
  policies: [
    {
      id: "words",
      blocking: [rule.redact({ detect: ["email", "card", "ssn", "githubToken"], from: ["response"] })],
    },
  ],
});
const bare = new OpenAI({ apiKey: "test", fetch });
const ours = govern(plane, { agent: "writer", tenant: "acme" }, bare);
const entities = ["EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN"];
const guardrails = [
  { name: "Contains PII", config: { entities, block: true, detect_encoded_pii: false } },
  { name: "Secret Keys", config: { threshold: "balanced" } },
];
const theirs = await GuardrailsOpenAI.create(
  { version: 1, output: { version: 1, guardrails } },
  // Its own copy of the SDK types `fetch` by another library.
  { apiKey: "test", fetch: fetch as never },
);

const request = { model: "m", messages: [{ role: "user" as const, content: "go" }] };
const ways: Readonly<Record<string, () => Promise<unknown>>> = {
  "bare client": () => bare.chat.completions.create(request),
  "@agentplane/openai": () => ours.chat.completions.create(request),
  "@openai/guardrails": async () => {
    try {
      return await theirs.chat.completions.create(request);
    } catch (error) {
      // Found: there is no answer then.
      if (!(error instanceof GuardrailTripwireTriggered)) throw error;
      return undefined;
    }
  },
};

const times = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
for (let round = -WARM_UP; round < ROUNDS; round++) {
  for (const line of LINES) {
    said = line;
    for (const [name, call] of Object.entries(ways)) {
      const startedMs = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one call after the other is what is measured
      await call();
      if (round >= 0) times.get(name)?.push((performance.now() - startedMs) * 1_000);
    }
  }
}
await plane.close();

const p50 = (name: string): number => {
  const list = times.get(name)?.toSorted((a, b) => a - b) ?? [];
  return list[Math.floor(list.length / 2)] ?? Number.NaN;
};
console.log("| a call, its answer searched | µs, p50 | added |\n| --- | --- | --- |");
for (const name of times.keys()) {
  console.log(`| ${name} | ${p50(name).toFixed(0)} | ${(p50(name) - p50("bare client")).toFixed(0)} |`);
}
const [ours50, theirs50] = [p50("@agentplane/openai"), p50("@openai/guardrails")].map(
  (us) => us - p50("bare client"),
);
if (!((ours50 ?? Number.NaN) <= (theirs50 ?? Number.NaN) * LIMIT)) process.exitCode = 1;
