// What `govern` adds to a stream of createAgent (`streamMode: "messages"`) at 200 tokens a second, in ms: under a plane that
// allows everything, with a rule that redacts behind a window, and with one that needs the whole; beside the same agent
// without us, which takes turns with them in one process.
// Usage: node --conditions=agentplane-source bench/streams.bench.ts
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";

import { median, printMachine, report, type Figure } from "@agentplane/bench/report";
import { createAgentPlane, rule, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";
import { createAgent } from "langchain";

import { govern } from "../src/index.ts";
import { WORSE } from "./added.ts";

const [TOKENS, EACH_MS, ROUNDS] = [200, 5, 7];
const TOKEN = "shipped ";

/** Streams one token every 5 ms by the clock, however long its reader takes. */
class PacedModel extends BaseChatModel {
  constructor() {
    super({});
  }

  override _llmType(): string {
    return "paced";
  }

  override bindTools(): this {
    return this;
  }

  override async _generate(): Promise<ChatResult> {
    throw new Error("it only streams");
  }

  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const startedMs = performance.now();
    for (let at = 1; at <= TOKENS; at++) {
      // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
      await until(startedMs + at * EACH_MS);
      const message = new AIMessageChunk({ id: "m", content: TOKEN });
      const chunk = new ChatGenerationChunk({ text: TOKEN, message });
      yield chunk;
      // oxlint-disable-next-line no-await-in-loop
      await runManager?.handleLLMNewToken(TOKEN, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}

/** A timer counts whole milliseconds, as much as what is measured: the last of them passes in turns of the loop. */
async function until(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 2) await pause(leftMs - 2);
  // oxlint-disable-next-line no-await-in-loop -- nothing to do but wait
  while (performance.now() < atMs) await turn();
}

/** When tokens were shown, in ms. */
interface Times {
  readonly first: number;
  readonly inter: number;
  readonly last: number;
}

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

async function play(way: Way): Promise<Times> {
  const params = { model: new PacedModel(), tools: [] };
  const agent = createAgent(way === "plain" ? params : govern(PLANES[way], { agent: "bench" }, params));
  const shownMs: number[] = [];
  let shown = "";
  const startedMs = performance.now();
  const input = { messages: [{ role: "user", content: "go" }] };
  for await (const [message] of await agent.stream(input, { streamMode: "messages" })) {
    if (message.text === "") continue;
    shown += message.text;
    shownMs.push(performance.now() - startedMs);
  }
  if (shown !== TOKEN.repeat(TOKENS)) throw new Error(`${way} shows another answer`);
  const gaps = shownMs.slice(1).map((at, index) => at - (shownMs[index] ?? 0));
  return { first: shownMs[0] ?? NaN, inter: median(gaps), last: shownMs.at(-1) ?? NaN };
}

const ways: readonly Way[] = [
  "plain",
  "no policy",
  "redaction behind a window",
  "a rule that needs the whole",
];
const rounds = new Map<Way, Times[]>(ways.map((way) => [way, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const way of ways) {
    // oxlint-disable-next-line no-await-in-loop -- one stream after the other
    const times = await play(way);
    // The first round runs code that has never run.
    if (round >= 0) rounds.get(way)?.push(times);
  }
}
const of = (way: Way, what: keyof Times): number =>
  median((rounds.get(way) ?? []).map((times) => times[what]));
const added = (way: Way, what: keyof Times): number => of(way, what) - of("plain", what);

/** The text that is held back for the rule that redacts, at this pace. */
async function windowMs(): Promise<number> {
  const { guard } = PLANES["redaction behind a window"];
  const model = { name: "paced", messages: [], tools: [] };
  const admitted = await guard.admit({ hookpoint: "before_model_call", agent: "bench", model });
  if (admitted.status !== "admitted") throw admitted.error;
  const { holdBack } = guard.streamDuties(admitted);
  await guard.release(admitted);
  if (holdBack === "whole") throw new Error("the rule holds the whole back");
  return Math.ceil(holdBack / TOKEN.length) * EACH_MS;
}

/** What a run and a call cost to be decided, the first time with a thread of its own. */
const FIRST_MS = 5;
const LAST_MS = TOKENS * EACH_MS * 0.01;
const row = (way: Way, what: keyof Times, goal: number): Figure => ({
  name: `${way}: ${what === "inter" ? "between tokens" : `${what} token`}, ms`,
  measured: added(way, what),
  goal,
  limit: goal * WORSE,
});
printMachine();
report([
  row("no policy", "first", FIRST_MS),
  row("no policy", "inter", 1),
  row("no policy", "last", LAST_MS),
  row("redaction behind a window", "first", (await windowMs()) + FIRST_MS),
  row("redaction behind a window", "inter", 1),
  row("redaction behind a window", "last", LAST_MS),
  row("a rule that needs the whole", "last", LAST_MS),
]);
