import { rule } from "@agentplane/core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { isPolicyError } from "../src/index.ts";
import { governedClient, IDENTITY, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply } from "./replies.ts";

// What Mistral's own SDK (2.7.0) calls beside the paths that OpenAI has too, and what else compatible servers read there.

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT = { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt", "response"] })] };
const NO_WIPE = { id: "no", blocking: [rule.denylist({ tools: ["wipe"] })] };
const messages = [{ role: "user", content: `write to ${MAIL}` }];
const wipe = { type: "function", function: { name: "wipe", parameters: {} } };

test.each([
  ["/agents/completions", { agent_id: "ag_1", messages }],
  ["/fim/completions", { model: MODEL, prompt: `write to ${MAIL}`, suffix: `from ${MAIL}` }],
  ["/completions", { model: MODEL, messages }],
  ["/chat/completions", { model: MODEL, prompt: `write to ${MAIL}` }],
])(
  "a prompt at %s is read, its tools are hidden, and so is what the answer may not say",
  async (path, body) => {
    const { client, plane } = governedClient(provider, { policies: [REDACT, NO_WIPE] });
    provider.reset(chatReply(`I wrote to ${MAIL}`));
    const answer = JSON.stringify(await client.post(path, { body: { ...body, tools: [wipe] } }));
    expect(provider.last.text).toContain("write to");
    expect(provider.last.text).not.toContain(MAIL);
    expect(provider.last.text).not.toContain("wipe");
    expect(answer).toContain("I wrote to");
    expect(answer).not.toContain(MAIL);
    provider.reset(chatReply("", [{ id: "c1", name: "wipe", input: {} }]));
    expect(isPolicyError(await rejected(client.post(path, { body })))).toBe(true);
    await plane.close();
  },
);

test.each([
  ["/conversations", { model: MODEL, inputs: `write to ${MAIL}`, stream: false }],
  ["/conversations/c1", { inputs: [{ role: "user", content: MAIL }], stream: false }],
  ["/conversations/c1", { stream: false, tool_confirmations: [] }],
  ["/conversations/c1/restart", { from_entry_id: "e1", inputs: MAIL }],
  ["/threads/t1", { metadata: {}, inputs: MAIL }],
  ["/threads/t1/messages", { role: "user", content: "hi", inputs: MAIL }],
])("%s is refused where it may make a model run: %j", async (path, body) => {
  const { client, plane } = governedClient(provider, { policies: [REDACT] });
  provider.reset({ json: { outputs: [{ content: MAIL }] } });
  const error = await rejected(client.post(path, { body }));
  expect(isPolicyError(error)).toBe(true);
  expect(String(error)).toContain("passthrough");
  expect(provider.seen).toHaveLength(0);
  const open = governedClient(provider, {}, { passthrough: [path] });
  await open.client.post(path, { body });
  expect(provider.seen).toHaveLength(1);
  await Promise.all([plane.close(), open.plane.close()]);
});

test("what describes a conversation alone passes as it is, decided by nobody", async () => {
  const { client, plane } = governedClient(provider);
  await plane.controls.unplug({ kind: "agent", id: IDENTITY.agent }, { reason: "stop", by: "olga" });
  provider.reset({ json: {} });
  for (const [path, body] of [
    ["/conversations/c1", { metadata: { a: MAIL } }],
    ["/threads/t1", { metadata: {}, tool_resources: {} }],
    ["/threads/t1/messages/m1", { metadata: {} }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await client.post(path, { body });
    expect(provider.last.text).toBe(JSON.stringify(body));
  }
  await plane.close();
});
