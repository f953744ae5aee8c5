import type { Policy } from "@agentplane/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { play, type Script, type Slowness } from "./played-agent.ts";
import { MIDDLEWARE } from "./played-middleware.ts";
import { TOOLS } from "./played-parts.ts";
import { MODES } from "./played-watch.ts";
import type { Turn } from "./scripted-chat-model.ts";

/** Would block, redact and limit everything, if it were in force. */
const CANDIDATE: Policy = {
  id: "candidate",
  mode: "shadow",
  blocking: [
    { rule: "denylist", tools: ["*"] },
    { rule: "redact", detect: ["email"], from: ["result", "response", "prompt", "input"] },
    { rule: "rate", limit: 0, window: "1h" },
  ],
};
const PLANES = { "a plane that allows everything": [], "a policy in shadow": [CANDIDATE] } as const;

const word = fc.constantFrom("hello ", "bob@example.com ", "", "ünïcödé ", '"quoted" ', '{"city":"Rome"}');
const block = fc.oneof(
  fc.record({ type: fc.constant("text"), text: word }),
  fc.record({ type: fc.constant("reasoning"), reasoning: word }),
);
// LangChain makes a hidden prototype of a member `__proto__`, which what is compared here as JSON would not show.
const json = fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('"__proto__":'));
const call = fc.record({
  name: fc.constantFrom(...TOOLS, "Place"),
  args: fc.record({ text: word, more: json, city: word }),
});
const turn: fc.Arbitrary<Turn> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      text: fc.oneof(
        { weight: 4, arbitrary: fc.array(word, { maxLength: 4 }).map((words) => words.join("")) },
        { weight: 1, arbitrary: fc.array(block, { minLength: 1, maxLength: 2 }) },
      ),
      calls: fc.array(call, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ error: new TypeError("the provider is down, bob@example.com") }) },
);

/** Found by chance: what the human in the loop makes wait is nothing that the plane asked about; a tool that leaves races. */
const FOUND: readonly Script[] = [
  {
    // Without a checkpointer its interrupt fails, and LangGraph shows no end of a step that fails at once.
    turns: [{ text: "", calls: [{ name: "plain", args: { text: "hello ", more: [], city: "hello " } }] }],
    middleware: "human in the loop",
    mode: "streams",
    structured: "not",
    hasThread: false,
    isRestarted: false,
  },
  {
    turns: [
      { text: "", calls: [{ name: "Place", args: { text: "hello ", more: 0, city: "hello " } }] },
      { text: "", calls: [{ name: "plain", args: { text: "hello ", more: "", city: "hello " } }] },
    ],
    middleware: "human in the loop",
    mode: "invoke",
    structured: "by a tool",
    hasThread: true,
    isRestarted: false,
  },
  {
    turns: [
      {
        text: "",
        calls: ["Place", "plain", "leaving"].map((name) => ({
          name,
          args: { text: "hello ", more: 0, city: "hello " },
        })),
      },
      { text: "", calls: [] },
    ],
    middleware: "node hooks",
    mode: "streams",
    structured: "by a tool",
    hasThread: true,
    isRestarted: false,
  },
  {
    turns: [
      {
        text: "",
        calls: ["plain", "Place"].map((name) => ({
          name,
          args: { text: "hello ", more: [], city: "hello " },
        })),
      },
      { text: "", calls: [{ name: "Place", args: { text: "hello ", more: {}, city: "hello " } }] },
    ],
    middleware: "node hooks",
    mode: "events v3",
    structured: "by a tool",
    hasThread: true,
    isRestarted: false,
  },
  {
    // Context editing writes into the list of messages that it is given.
    turns: [
      {
        text: "",
        calls: ["plain", "plain"].map((name) => ({ name, args: { text: "hello ", more: {}, city: "" } })),
      },
    ],
    middleware: "context editing",
    mode: "invoke",
    structured: "not",
    hasThread: true,
    isRestarted: false,
  },
];

const SHOWN_BY_REFERENCE: ReadonlySet<string> = new Set(["streams", "debug", "events v2", "events v3"]);

const script: fc.Arbitrary<Script> = fc
  .record({
    turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
    middleware: fc.constantFrom(...MIDDLEWARE),
    mode: fc.constantFrom(...MODES),
    structured: fc.constantFrom("not", "not", "by a tool", "by the provider"),
    hasThread: fc.boolean(),
    isRestarted: fc.boolean(),
  })
  // It writes into the list that streams have shown: what a reader finds there is what was faster.
  .filter(({ middleware, mode }) => middleware !== "context editing" || !SHOWN_BY_REFERENCE.has(mode));

function areEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What takes longer than it does by itself. */
const SPEEDS: readonly Slowness[] = [["model"], ["tools"], ["hooks"], ["tools", "model"], ["hooks", "model"]];

/**
 * What is seen under a plane and without it. What pauses, fails or leaves beside something else races with it in LangGraph,
 * and shows what was faster, also without a plane: where something differs, both are played at several speeds, and what is
 * seen under a plane at one of them must be what is seen without it at one. Where no two are alike, and without a plane it
 * depends on the speed as well, there is nothing to hold it to.
 */
async function playedBoth(
  one: Script,
  policies: readonly Policy[],
): Promise<{ readonly governed: unknown; readonly free: unknown }> {
  const [governed, free] = [await play(one, policies), await play(one, undefined)];
  if (areEqual(governed, free)) return { governed, free };
  const slowly = await Promise.all(SPEEDS.map((slow) => play(one, undefined, slow)));
  for (const slow of SPEEDS) {
    // oxlint-disable-next-line no-await-in-loop -- mostly the first is the same
    const other = await play(one, policies, slow);
    const same = [free, ...slowly].find((seen) => areEqual(seen, other));
    if (same !== undefined) return { governed: other, free: same };
  }
  return slowly.every((other) => areEqual(other, free)) ? { governed, free } : { governed: free, free };
}

describe.each(Object.entries(PLANES))("under %s", (_, policies) => {
  it("results, history, streams, errors and retries are what they are without it", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (one) => {
        const { governed, free } = await playedBoth(one, policies);
        // Both are parsed JSON; the strict comparison trips over a member named `constructor`.
        expect(governed).toEqual(free);
      }),
      { numRuns: 40, examples: FOUND.map((one) => [one]) },
    );
  }, 600_000);
});
