import { rule, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { governedClient } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { data } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };

test.each([
  "/chat/completions",
  "/chat/completions/c1",
  "/chat/completions/c1/messages",
  "/responses/r1",
  "/responses/r1/input_items",
  "/conversations/c1/items",
  "/conversations/c1/items/i1",
  "/conversations/c1/history",
  "/conversations/c1/messages",
  "/threads/t1/messages",
  "/threads/t1/messages/m1",
  "/threads/t1/runs",
  "/threads/t1/runs/r1",
  "/threads/t1/runs/r1/steps",
  "/threads/t1/runs/r1/steps/s1",
  "/chatkit/threads/t1/items",
  "/evals/e1/runs/r1/output_items",
  "/evals/e1/runs/r1/output_items/o1",
  "/agents/sessions/s1/items",
  "/agents/sessions/s1/turns",
  "/agents/sessions/s1/turns/t1",
  "/agents/sessions/s1/turns/t1/items",
  "/agents/sessions/s1/traces",
  "/agents/sessions/s1/subagents/a1/items",
  "/agents/sessions/s1/subagents/a1/turns/t1/items",
  "/sessions/s1/events",
  "/sessions/s1/threads/t1/events",
  "/AGENTS/sessions/s1//items/",
  "/files/..%2fagents%2fsessions%2fs1%2fitems",
])("words of a model that are read again at %s are redacted", async (path) => {
  const { client, plane } = governedClient(provider, { policies: [REDACT] });
  const item = { id: "i1", type: "message", content: [{ type: "text", text: `write to ${MAIL}` }] };
  // A member that nobody knows is judged, too.
  provider.reset({ json: { object: "list", data: [item], output: [item], choices: [{ message: item }] } });
  const answer = JSON.stringify(await client.get(path));
  expect(answer).toContain("write to");
  expect(answer).not.toContain(MAIL);
  await plane.close();
});

test.each(["/sessions/s1/events/stream?event_deltas=agent.message", "/sessions/s1/threads/t1/stream"])(
  "the events of a session of Anthropic are redacted across their pieces: %s",
  async (path) => {
    const { client, plane } = governedClient(provider, { policies: [REDACT] });
    const part = (text: string) => ({
      type: "event_delta",
      event_id: "e1",
      delta: { type: "content_delta", index: 0, content: { type: "text", text } },
    });
    const message = { type: "agent.message", id: "e1", content: [{ type: "text", text: `to ${MAIL}` }] };
    provider.reset({ stream: [part("to mira@exa"), part("mple.com"), message].map(data) });
    const text = await (await client.get(path).asResponse()).text();
    expect(text).toContain("agent.message");
    expect(text).not.toMatch(/mira@exa|mple\.com/);
    await plane.close();
  },
);

test.each([
  ["its message", { type: "agent.message", id: "e1", content: [] }],
  ["the end of the model's request", { type: "span.model_request_end", id: "x1" }],
])("what is held back of a message of Anthropic comes no later than %s", async (_name, end) => {
  const { client, plane } = governedClient(provider, { policies: [REDACT] });
  const delta = { type: "content_delta", index: 0, content: { type: "text", text: "short words" } };
  const later = { type: "session.status_idle", id: "z1" };
  provider.reset({ stream: [{ type: "event_delta", event_id: "e1", delta }, end, later].map(data) });
  const text = await (await client.get("/sessions/s1/events/stream").asResponse()).text();
  expect(text.indexOf("short words")).toBeGreaterThan(-1);
  expect(text.indexOf("short words")).toBeLessThan(text.indexOf(`"${end.type}"`));
  await plane.close();
});

test("the events of a session are redacted across their pieces", async () => {
  const { client, plane } = governedClient(provider, { policies: [REDACT] });
  const piece = { type: "session.output_text.delta", item_id: "i1" };
  provider.reset({ stream: ["to mira@exa", "mple.com"].map((delta) => data({ ...piece, delta })) });
  const response = await client
    .get("/agents/sessions/s1/events", { headers: { accept: "text/event-stream" } })
    .asResponse();
  const text = await response.text();
  expect(text).toContain("session.output_text.delta");
  expect(text).not.toMatch(/mira@exa|mple\.com/);
  await plane.close();
});
