/**
 * What `govern` adds to a streamed chat completion at 200 tokens a second, in ms: under a plane that allows everything,
 * with a rule that redacts behind a window, and with one that needs the whole; beside the same client without it. One
 * second each, in turns. Fails only beyond five times a goal. Run: npm run bench -- openai/streams
 */
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";

import { median, printMachine, report, type Figure } from "@agentplane/bench/report";
import { createAgentPlane, createContext, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import OpenAI from "openai";

import { govern } from "../src/index.ts";

const [TOKENS, EACH_MS, ROUNDS, LIMIT] = [200, 5, 7, 5];
const TOKEN = "shipped ";
const IDENTITY = { agent: "writer", tenant: "acme", session: "s1" };

const chunk = JSON.stringify({
  id: "chat_1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { content: TOKEN }, finish_reason: null }],
});
const EVENT = new TextEncoder().encode(`data: ${chunk}\n\n`);
const DONE = new TextEncoder().encode("data: [DONE]\n\n");

/** One token every 5 ms by the clock, however long its reader takes. */
async function* pacedBytes(): AsyncGenerator<Uint8Array> {
  const startedMs = performance.now();
  for (let at = 1; at <= TOKENS; at++) {
    // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
    await until(startedMs + at * EACH_MS);
    yield EVENT;
  }
  yield DONE;
}

/** A timer counts whole milliseconds, as much as what is measured: the last of them passes in turns of the loop. */
async function until(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 2) await pause(leftMs - 2);
  // oxlint-disable-next-line no-await-in-loop -- nothing to do but wait
  while (performance.now() < atMs) await turn();
}

const fetch = async (): Promise<Response> =>
  new Response(ReadableStream.from(pacedBytes()), { headers: { "content-type": "text/event-stream" } });

const planeOf = (policies: readonly Policy[]) =>
  createAgentPlane({
    scanner: createScanner(),
    policies,
    audit: { append: () => undefined, flush: () => undefined, close: () => undefined },
  });
const redact = rule.redact({ detect: ["email"] });
const PLANES = {
  "no policy": planeOf([]),
  "redaction behind a window": planeOf([{ id: "r", blocking: [redact] }]),
  "a rule that needs the whole": planeOf([{ id: "w", blocking: [rule.redact({ fields: ["ssn"] })] }]),
} as const;
type Way = "plain" | keyof typeof PLANES;
const WAYS: readonly Way[] = [
  "plain",
  "no policy",
  "redaction behind a window",
  "a rule that needs the whole",
];

/** When tokens were shown, in ms. */
interface Times {
  readonly first: number;
  readonly inter: number;
  readonly last: number;
}

const bare = new OpenAI({ apiKey: "test", fetch });

async function play(way: Way): Promise<Times> {
  const client = way === "plain" ? bare : govern(PLANES[way], IDENTITY, bare);
  const shownMs: number[] = [];
  let shown = "";
  const startedMs = performance.now();
  const messages = [{ role: "user" as const, content: "go" }];
  for await (const part of await client.chat.completions.create({ model: "m", messages, stream: true })) {
    const text = part.choices[0]?.delta.content ?? "";
    if (text === "") continue;
    shown += text;
    shownMs.push(performance.now() - startedMs);
  }
  if (shown !== TOKEN.repeat(TOKENS)) throw new Error(`${way} shows another answer`);
  const gaps = shownMs.slice(1).map((at, index) => at - (shownMs[index] ?? 0));
  return { first: shownMs[0] ?? NaN, inter: median(gaps), last: shownMs.at(-1) ?? NaN };
}

const rounds = new Map<Way, Times[]>(WAYS.map((way) => [way, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const way of WAYS) {
    // oxlint-disable-next-line no-await-in-loop -- one stream after the other
    const times = await play(way);
    // The first round runs code that has never run.
    if (round >= 0) rounds.get(way)?.push(times);
  }
}

/** Of the first and the last token the fastest round counts: what else runs on the machine only ever adds. */
function timeOf(way: Way, what: keyof Times): number {
  const times = (rounds.get(way) ?? []).map((one) => one[what]);
  return what === "inter" ? median(times) : Math.min(...times);
}

/** How long the text is held back at this pace for the rule that redacts, in ms. */
function windowMs(): number {
  const described = { hookpoint: "after_model_call", ...IDENTITY, model: { name: "m" } } as const;
  const context = createContext(described, Date.now());
  const { holdBack } = PLANES["redaction behind a window"].engine.streamDuties(context);
  if (holdBack === "whole") throw new Error("the rule holds the whole back");
  return Math.ceil(holdBack / TOKEN.length) * EACH_MS;
}

const LAST_MS = TOKENS * EACH_MS * 0.01;
const row = (way: Way, what: keyof Times, goal: number): Figure => ({
  name: `${way}: ${what === "inter" ? "between tokens" : `${what} token`}, ms`,
  measured: timeOf(way, what) - timeOf("plain", what),
  goal,
  limit: goal * LIMIT,
});
printMachine();
report([
  row("no policy", "first", 1),
  row("no policy", "inter", 1),
  row("no policy", "last", LAST_MS),
  row("redaction behind a window", "first", windowMs() + 1),
  row("redaction behind a window", "inter", 1),
  row("redaction behind a window", "last", LAST_MS),
  row("a rule that needs the whole", "last", LAST_MS),
]);
for (const plane of Object.values(PLANES)) {
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  await plane.close();
}
