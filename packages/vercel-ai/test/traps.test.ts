import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

/** Ways in which governing the AI SDK goes wrong, each with the tests that show it does not: `file: beginning of its name`. */
const TRAPS: Readonly<Record<string, readonly string[]>> = {
  "a hidden tool is called all the same": ["tool-execution: does not run when it is hidden by policy"],
  "an approved tool runs on resume although no tool is active": ["approvals: is decided again by the gate"],
  "a signed approval is replayed": [
    "approvals: that is signed and replayed runs the tool once",
    "forged-approvals: counts for a day, and once however late it is sent again",
    "forged-approvals: counts for the session and tenant",
    "chat-route: shows the question",
  ],
  "a client forges a call and its approval": [
    "approvals: runs nothing, however often it is sent",
    "approvals: runs nothing with the application's secret either",
    "approvals: does not turn a real answer into one for another call",
    "forged-approvals: counts for the very call that was asked about",
    "forged-approvals: that was forged opens no question",
  ],
  "a kill or block comes between request and resume": ["approvals: does not survive"],
  "an approval has expired, or its input changed": [
    "approvals: that has expired is not honoured",
    "approvals: for another input than was asked for is not honoured",
  ],
  "a generic toolApproval turns off the application's own": ["app-approvals: still ask under the plane"],
  "shadow mode answers for the application": ["transparency: steps, parts, prompts, executions and events"],
  "a blocked call asks a human": ["app-approvals: are not asked about a blocked call"],
  "prepareStep brings another model": ["guarded-models: also the one that prepareStep swaps in"],
  "prepareCall replaces model or tools": [
    "guarded-models: also what prepareCall of a ToolLoopAgent brings in",
  ],
  "a provider retry is counted twice": [
    "model-answer: is one rate count and one charge for a provider retry",
  ],
  "a generator tool becomes a promise": ["tool-nature: keeps the values a generator yields"],
  "a promise tool becomes a generator": [
    "tool-nature: gives a promise tool no preliminary result",
    "tool-nature: lets a plain function that returns an async iterable",
    "tool-nature: of one whose decision comes later",
  ],
  "a tool is called constructor or __proto__": [
    "tool-nature: are found by own names alone",
    "app-approvals: are found by own names alone",
  ],
  "members of a tool are lost": ["tool-nature: survive the wrapping", "tool-nature: of a class or a proxy"],
  "a forced tool is blocked": [
    "denied-model-call: that must give an object or a tool call throws",
    "denied-model-call: that is told to call a hidden tool is denied",
  ],
  "structured output leaks, or a block breaks it": [
    "model-answer: that is parsed as an object",
    "denied-model-call: that must give an object",
  ],
  "a secret is split over chunks": ["stream-redaction: appears nowhere, wherever it is split"],
  "a block in the middle breaks the stream": ["stopped-stream: ends by the protocol when it is cut"],
  "an abort leaves a reservation": ["stopped-stream: settles what was produced when its caller aborts"],
  "errors of callbacks are swallowed": [
    "tool-execution: does not run whatever the application's own callbacks do",
  ],
  "a provider runs the tool itself": [
    "provider-tools: is taken out of the request under",
    "provider-tools: that ran already is not said",
    "option-tools: is left out when a mode forbids it",
    "hosted-servers: keeps the tools of its list",
  ],
  "the policy's error loses its class, or is tried again": [
    "denied-model-call: of generateText throws the policy's error",
    "tool-execution: shows a denial to the model as a tool-error",
  ],
  "an agent inside a tool": [
    "nested-agents: is gated when it is governed too",
    "nested-agents: that nobody governs",
    "ungoverned-agents: that nobody governs is reported",
    "ungoverned-agents: is reported for its tools",
  ],
  "the provider sees what was meant for the plane": [
    "model-request: is nothing that was meant for the plane",
  ],
  "embeddings pass by": ["other-models: embed redacted values"],
  "names and old versions of models": ["guarded-models: models of older versions"],
  "parallel calls share a limit": ["tool-execution: runs exactly twice of four parallel calls"],
  "telemetry is turned off": ["register-global: is weakened by a call without telemetry"],
  "an engine failure aborts the run": [
    "app-approvals: denies the one call, and the others of the turn go on",
  ],
  "the input is refined before it is approved": [
    "tool-execution: gets the input that experimental_refineToolInput made",
  ],
};

test.for(Object.entries(TRAPS))("%s", ([, tests]) => {
  for (const named of tests) {
    const [file = "", name = ""] = named.split(": ");
    const source = readFileSync(path.join(import.meta.dirname, `${file}.test.ts`), "utf8");
    const titles = source
      .replaceAll(/\bit\(\s*/g, "it(")
      .split("\n")
      .filter((line) => line.includes("it("));
    expect(
      titles.some((title) => title.includes(name)),
      `${file} has no test "${name}"`,
    ).toBe(true);
  }
});

test("are all thirty-two", () => {
  expect(Object.keys(TRAPS)).toHaveLength(32);
});
