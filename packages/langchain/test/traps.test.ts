import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

/** Ways in which governing LangChain goes wrong, each with the tests that show it does not: `file: part of its name`. */
const TRAPS: Readonly<Record<string, readonly string[]>> = {
  "a tool's exception is no longer one the model can recover from": [
    "tool-failure: stays what it was without us",
    "transparency: results, history, streams, errors and retries",
  ],
  "a hidden tool is called all the same": ["tool-interception: does not run when the tool was hidden"],
  "one scalar resume approves two pending calls": ["approval-interrupt: is the only one of two"],
  "calls of one node run again on every resume": [
    "one-node: gives what each call gave, which ran once, %s",
    "one-node: leaves what they gave, which ran once",
    "langgraph/guarded-tool-node: asks once for all calls of a turn, runs nothing before, and each call once after",
    "langgraph/guarded-tool-node: waits for every answer, and runs each call once over all of them",
  ],
  "an interrupt inside a tool is swallowed": [
    "tool-admission: is not swallowed, and its resumed call counts once",
    "langgraph/guarded-tool-node: leaves an interrupt from inside a tool alone",
  ],
  "a secret is split over chunks": [
    "observed-call: is redacted in every event of streamEvents v2",
    "observed-call: is redacted in every event of streamEvents v3",
    "model-interception: keeps the raw tokens out of the messages stream and of the state",
    "ways-around: is on no surface, wherever it is split",
    "split-streams: shows nothing of a secret that is split at any place",
  ],
  "bindTools or withConfig gives a model that is not guarded": [
    "providers: gets a redacted prompt and streams nothing unredacted",
    "langgraph/guard-model: does not reach its provider by %s when it is blocked",
    "langgraph/guard-model: keeps the class of what it stands for, also of what ChatOpenAI",
  ],
  "content in blocks leaks or throws": [
    "model-interception: changes blocks of content and arguments of tool calls",
  ],
  "a tracer is told a tool's secret": ["observed-call: is redacted, and comes in the order of the calls"],
  "governing costs steps of the recursion limit": ["govern: costs no step of the recursion limit"],
  "other middleware edits a call": [
    "tool-interception: is decided as it will run, whoever edited it",
    "tool-interception: is decided as it will run when the edit came after the model",
  ],
  "parallel calls share a limit": ["tool-admission: are admitted up to the limit: exactly two of five run"],
  "resume and retry charge twice": [
    "tool-admission: its resumed call counts once",
    "model-interception: is charged for the one attempt that answers",
  ],
  "a model call of a wrapper of another middleware is not charged": [
    "model-gate: is decided and charged each time the provider answers",
    "nested-middleware: is charged when it summarises",
    "nested-middleware: is charged when it selects tools",
    "nested-calls: is charged for each call of its model, and each call of its tools is decided",
  ],
  "structured output under redaction": [
    "model-interception: reaches structured output, and every message that repeats it, by",
    "model-interception: reaches structured output that has to be tried again",
    "model-interception: reaches the sentence that repeats structured output",
  ],
  "redaction loses usage, status or ids": [
    "model-interception: changes the answer and keeps its id, usage and metadata",
    "tool-result: keeps id, name and status",
  ],
  "a missing context becomes a tenant": [
    "identity: is blocked by requireTenant, and passes with one",
    "identity: takes nothing from a member that is",
  ],
  "an approval without a checkpointer": ["approval-interrupt: is blocked with clear words where there is no"],
  "a provider's own tools pass by": [
    "provider-tools: is not offered to the model under NO_EXTERNAL",
    "model-interception: are those that may run, tools of the provider included",
  ],
  "two planes or agents clash by name": [
    "govern: can be applied twice: two planes both decide",
    "govern: keeps two agents of one plane apart",
  ],
  "an abandoned approval leaves a call without an answer": [
    "ways-around: leaves no call without an answer for the provider",
  ],
  "a kill from inside a tool": ["model-interception: is what follows a kill from inside a tool call"],
  "a throwing callback handler lets a blocked tool run": [
    "tool-interception: does not run although a callback handler throws",
  ],
  "a guarded tool is called by another way": [
    "langgraph/guard-tool: does not run by %s when it is denied",
    "langgraph/guard-tool: tells nobody that a call starts which is denied",
  ],
  "a retry that names classes matches no more": [
    "model-gate: fails for that middleware with the provider's own error",
  ],
  "usage is missing, or comes in two chunks": [
    "providers: is charged what the stream reports",
    "ways-around: is estimated and flagged where the provider does not tell",
    "streamed-usage: is estimated and flagged where the provider is not asked for it",
    "streamed-usage: is the sum of what comes in two chunks",
  ],
  "a card number with spaces is split over chunks": ["ways-around: is on no surface, wherever it is split"],
  "cached tokens are lost in a guarded stream": [
    "ways-around: is charged with what came from the cache, also where the answer is held back",
  ],
  "a kill while a call is paused": ["approval-interrupt: stays blocked when the agent was unplugged"],
  "the end of a run is not recorded": [
    "agent-runs: ends when a middleware jumps to the end",
    "agent-runs: ends when a model or a tool fails",
    "agent-run-pauses: is suspended, and goes on as the same one: counted once, ended once",
  ],
  "arguments that a human edited": ["ways-around: are decided as they will run"],
  "rewritten arguments that the tool refuses": [
    "tool-failure: stays what it was without us",
    "ways-around: is an error the model can recover from",
  ],
};

test.for(Object.entries(TRAPS))("%s", ([, tests]) => {
  for (const named of tests) {
    const [file = "", ...name] = named.split(": ");
    const source = readFileSync(path.join(import.meta.dirname, `${file}.test.ts`), "utf8");
    // Also of it.each(…)("…"), over several lines.
    const titles = [...source.matchAll(/(?:\bit|\))\(\s*"((?:[^"\\]|\\.)*)"/g)].map(
      ([, title = ""]) => title,
    );
    expect(
      titles.some((title) => title.includes(name.join(": "))),
      `${file} has no test "${name.join(": ")}"`,
    ).toBe(true);
  }
});

test("are all thirty-two", () => {
  expect(Object.keys(TRAPS)).toHaveLength(32);
});
