import { readFileSync } from "node:fs";
import path from "node:path";

import { createAgentPlane, rule } from "@agentplane/core";
import { Agent, setTracingDisabled, Usage } from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { bareClient } from "../governed-client.ts";
import { Provider } from "../provider.ts";
import { chatReply, responsesBody } from "../replies.ts";
import { firstCall, otherClient, runAgent, runFunctions } from "./snippets.ts";

setTracingDisabled(true);
let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());
beforeEach(() => {
  vi.stubEnv("OPENAI_API_KEY", "test").stubEnv("OPENAI_BASE_URL", provider.url);
  vi.stubEnv("ANTHROPIC_API_KEY", "test").stubEnv("ANTHROPIC_BASE_URL", provider.url.replace("/v1", ""));
});

// Other files share this process.
afterEach(() => void vi.unstubAllEnvs());

const read = (...names: readonly string[]): string =>
  readFileSync(path.join(import.meta.dirname, ...names), "utf8");

/** Lines that do something, wherever they stand and by whatever name they call what they import or give back. */
const codeIn = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) =>
      line
        .trim()
        .replace(/^(?:await|return) /, "")
        .replace("governAgent(", "govern("),
    )
    .filter((line) => line !== "" && !line.startsWith("import "));

test("has no snippet that is not compiled here, line by line", () => {
  const snippets = [...read("..", "..", "README.md").matchAll(/^```ts\n(.*?)^```/gms)];
  const [, ...sources] = read("snippets.ts").split("/** The page's ");
  expect(snippets).toHaveLength(sources.length);
  for (const [at, [, code]] of snippets.entries()) {
    const known = codeIn(sources[at] ?? "");
    expect(codeIn(code ?? "").filter((line) => !known.includes(line))).toEqual([]);
  }
});

test("the first call is charged to the tenant's budget", async () => {
  provider.reset({ json: responsesBody("on its way") });
  const plane = await firstCall();
  expect(provider.last.path).toBe("/v1/responses");
  const [state] = await plane.limits.read({ policyId: "spend", ruleId: "tokenBudget", tenant: "acme" });
  expect(state?.used).toBeGreaterThan(0);
  await plane.close();
});

test("a function that a policy forbids does not run, and the model goes on", async () => {
  const plane = createAgentPlane({
    policies: [{ id: "no", blocking: [rule.denylist({ tools: ["refund"] })] }],
  });
  const call = { id: "c1", type: "function", function: { name: "refund", arguments: '{"amount":5}' } };
  const asked = { role: "assistant", content: null, tool_calls: [call] };
  const choices = [{ index: 0, message: asked, finish_reason: "tool_calls" }];
  provider.reset(
    { json: { id: "c", object: "chat.completion", model: "m", created: 1, choices } },
    chatReply("no"),
  );
  let runs = 0;
  const said = await runFunctions({
    plane,
    openai: bareClient(provider),
    messages: [{ role: "user", content: "refund me" }],
    parameters: { type: "object", properties: {} },
    refund: async () => `${++runs}`,
  });
  expect([said, runs]).toStrictEqual(["no", 0]);
  await plane.close();
});

test("an agent runs, and stops when it is unplugged", async () => {
  const plane = createAgentPlane();
  const model = new ScriptedModel([{ output: [assistantMessage("on its way")], usage: new Usage() }]);
  const triage = new Agent({ name: "triage", model });
  expect(await runAgent(plane, triage)).toBe("on its way");
  await plane.controls.unplug({ kind: "agent", id: "triage" }, { reason: "stop", by: "olga" });
  await expect(runAgent(plane, triage)).rejects.toThrow();
  await plane.close();
});

test("another SDK with a fetch is stopped alike", async () => {
  const plane = createAgentPlane();
  const body = {
    id: "m1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "hi" }],
  };
  provider.reset({ json: { ...body, usage: { input_tokens: 1, output_tokens: 1 } } });
  const ask = () =>
    otherClient(plane).messages.create({
      model: "m",
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
    });
  expect((await ask()).content).toMatchObject([{ text: "hi" }]);
  await plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
  await expect(ask()).rejects.toMatchObject({ status: 403 });
  await plane.close();
});
