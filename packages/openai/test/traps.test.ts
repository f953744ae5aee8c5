import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

/**
 * Ways in which governing the `openai` client and the OpenAI Agents SDK goes wrong, each with the tests that show it does
 * not: `file: words of its name`.
 */
const TRAPS: Readonly<Record<string, readonly string[]>> = {
  "a block is thrown, and so tried again": [
    "call-styles: sends nothing when the model call is blocked, in one attempt",
  ],
  "a rate limit is tried again": ["attempts: a %s is the SDK's own RateLimitError in one attempt"],
  "a plane that allows everything is seen": [
    "call-styles: gives exactly what the bare client gives",
    "transparency: whatever a provider says, under a plane that allows it",
    "requests: go out byte for byte when nothing changes them",
    "surfaces: files, lists and uploads pass untouched",
  ],
  "a surface shows what is redacted": [
    "call-styles: shows nothing of what is redacted, on any surface",
    "stream: replaces a text wherever the Responses API says it again",
    "redacted-copies: what a stream of the Responses API says beside its deltas",
  ],
  "the network cuts anywhere": [
    "cut-streams: whatever the network cuts",
    "cut-streams: reads data of several lines",
    "cut-streams: finds what is redacted, lines ended by %s",
    "cut-streams: keeps the lines of data that is no JSON",
    "stream: of a stream is that of the whole text, however it is cut",
  ],
  "usage that is asked for is seen, or usage that the caller wants is not": [
    "stream: is asked for where it is not, and its chunk is not shown",
    "stream: that the caller asks for stays visible",
  ],
  "a retry is charged twice": [
    "attempts: retries of the SDK are charged once",
    "attempts: errors of the provider",
  ],
  "a clone, a subclass, Azure or a gateway goes around": [
    "surfaces: a clone with a fetch of its own, and a clone of a clone, are governed",
    "surfaces: the client that was given is not changed, and a subclass stays one",
    "call-styles: Azure's deployments and gateways without /v1",
  ],
  "a withheld answer is free": ["attempts: a withheld answer is paid for"],
  "a block in the middle of a stream is no error of the SDK": [
    "call-styles: an error in the middle of a stream is the SDK's own, with our code",
  ],
  "a stored answer is read again unredacted": ["redacted-copies: an answer that is read again"],
  "a function of runTools runs without a decision": [
    "functions: a blocked one does not run, and the model reads why",
  ],
  "a WebSocket or an x509 transport goes around": [
    "sockets: opens no WebSocket of %s, nor does its clone",
    "sockets: every file of the SDK that opens a WebSocket is known here",
    "agents/sockets: a model that speaks over a WebSocket opens none with a governed client",
    "surfaces: a client with an x509 credential is refused",
  ],
  "waiting for a human inside fetch runs into the SDK's timeout": [
    "attempts: a timeout of the SDK while a human is awaited %s",
    "attempts: a caller who gives up ends the wait",
    "attempts: waiting lasts until it is answered",
  ],
  "a blocked call asks a human": ["agents/approvals: a blocked call asks nobody"],
  "a tool of an MCP server, or a stream, behaves otherwise": [
    "agents/matrix: a tool call behaves the same streamed or not",
  ],
  "a saved approval is resumed twice": [
    "agents/approvals: a saved and approved state that is resumed twice runs the tool once",
    "agents/two-processes: a state that two processes resume at once runs the approved call in one of them",
    "agents/saved-actions: runs once from a saved state, in another process, however often it is resumed",
    "agents/hosted-approvals: goes on from a saved state in another process, once",
  ],
  "a kill comes between request and resume": [
    "agents/one-decision: does not run where a %s comes after the SDK asked, and consumes nothing",
    "agents/approvals: a kill between the question and the answer wins",
    "agents/hosted-approvals: is told no, with the reason, when it is killed",
    "agents/runs: of a saved state does not go on with an agent that was stopped since",
  ],
  "alwaysApprove answers for the plane": [
    "agents/approvals: alwaysApprove answers no later question of the plane",
    "agents/approvals: alwaysApprove answers no question that another process asked",
    "agents/approvals: alwaysApprove lets no later call run that is blocked",
    "agents/hosted-approvals: is not approved by alwaysApprove of an earlier one",
  ],
  "the arguments of an approved call are changed, or a human says no": [
    "agents/forged-approvals: does not run the call where it answers %s",
    "agents/forged-approvals: of the tool's own question is no answer to another call",
    "agents/forged-approvals: runs no command of a shell that nobody was asked about on this plane",
    "agents/changed-approvals: of a saved state do not run when they were changed after the approval",
    "agents/changed-approvals: answers no question that came after it",
    "agents/changed-approvals: reaches the model with the words of the human",
  ],
  "an agent as a tool is not governed": [
    "agents/governed-agents: an ungoverned agent inside a tool is refused, a governed one is not",
  ],
  "a clone of a governed agent is taken for one": ["agents/governed-agents: a clone of one that is"],
  "a model is gated twice, or not at all": [
    "agents/governed-agents: is gated once",
    "agents/governed-twice: is decided once and charged once",
    "agents/governed-twice: is one call where the client tries again",
    "agents/calls-beside: is the second one of %s",
  ],
  "handoffs go round in a circle, or a forbidden one is made": [
    "agents/governed-agents: handoffs go round in a circle",
    "agents/governed-agents: a forbidden handoff that the model makes all the same ends the run",
  ],
  "a provider runs the tool itself": [
    "agents/governed-agents: are offered no hosted tool, remote server or handoff that is forbidden",
    "requests: offer no tool that a policy forbids, hosted ones and remote servers too",
    "agents/hosted-tools: tools that run at the provider are not offered in mode %s",
    "requests: offer nothing that runs at the provider in mode %s",
    "agents/unasked-servers: is decided call by call where a policy concerns it, and nobody is asked",
    "unasked-calls: asks where one of its tools was unplugged, whose name the request does not say",
  ],
  "hooks that reject are swallowed": [
    "agents/changed-approvals: that rejects lets nothing run that is blocked",
  ],
  "an engine that fails lets the tool run": [
    "agents/changed-approvals: does not run when what is asked about it fails",
  ],
  "redaction changes the shape of an MCP result": [
    "agents/local-tools: a tool of an MCP server is decided, and its output keeps its shape",
  ],
  "the end of a run is not told": [
    "agents/runs: is told once at its beginning and its end",
    "agents/runs: is told also when it waits for a human, and when it goes on",
    "agents/runs: is told also when it fails, with its own error",
  ],
  "the policy's error loses its class": [
    "agents/governed-agents: a blocked one ends the run with our own error",
  ],
  "what is redacted once comes back from the history": [
    "agents/changed-approvals: is redacted in every turn, while the history keeps it",
  ],
  "a stream leaks before it is stopped": ["openai-guardrails: here nothing of a secret leaves"],
};

test.for(Object.entries(TRAPS))("%s", ([, tests]) => {
  for (const named of tests) {
    const [file = "", name = ""] = named.split(": ");
    const source = readFileSync(path.join(import.meta.dirname, `${file}.test.ts`), "utf8");
    const titles = [
      ...source.matchAll(
        /(?:\b(?:test|describe)(?:\.(?:each|for)(?:<[^(]*>)?\([^]*?\))?\(\s*)(["'`][^\n]*)/g,
      ),
    ];
    expect(
      titles.some(([, title = ""]) => title.includes(name)),
      `${file} has no test "${name}"`,
    ).toBe(true);
  }
});

test("are all thirty-two", () => {
  expect(Object.keys(TRAPS)).toHaveLength(32);
});
