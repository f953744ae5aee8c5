import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { request, wiredRelay } from "./wired-relay.ts";

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const OF_MODELS: Policy = { ...REDACT, selector: { hookpoints: ["before_model_call"] } };
const SECRETS: Policy = { id: "secrets", blocking: [rule.secretScan()] };
const KEY = "AKIAQ3EGRZ7T5LKPW2VX";

const notice = (method: string, params: Record<string, unknown>): Record<string, unknown> => ({
  jsonrpc: "2.0",
  method: `notifications/${method}`,
  params,
});
const progress = (message: string, progressToken = "p1"): Record<string, unknown> =>
  notice("progress", { progressToken, progress: 1, message });
const cancel = (reason: string): Record<string, unknown> => notice("cancelled", { requestId: 9, reason });

/** A session in which the server has the client's model work for it; what it was told since. */
async function asking(policy: Policy) {
  const wired = wiredRelay({ policies: [policy] });
  wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: { sampling: {} } }));
  await wired.asked(1);
  wired.server({ jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } });
  await wired.answer(0);
  const ask = { messages: [], maxTokens: 9, _meta: { progressToken: "p1" } };
  wired.server(request("s1", "sampling/createMessage", ask));
  await wired.answer("s1");
  return { ...wired, told: () => wired.toServer.slice(1) };
}

test.each([
  ["progress", progress(`found ${MAIL}`)],
  ["why it gives up", cancel(`${MAIL} is enough`)],
  ["what nobody knows yet", notice("unheard", { words: [MAIL] })],
])("what a client says unasked is redacted: %s", async (_what, message) => {
  const { client, told, plane } = await asking(REDACT);
  client(message);
  expect(told()).toStrictEqual([JSON.stringify(message).replace(MAIL, "[EMAIL]")]);
  await plane.close();
});

test("progress of a model is judged as that model's call, and other words are not", async () => {
  const { client, told, plane } = await asking(OF_MODELS);
  client(progress(`found ${MAIL}`));
  client(progress(`found ${MAIL}`, "another"));
  expect(told()[0]).toContain("[EMAIL]");
  await plane.close();
});

test("what a rule would withhold does not go on; of progress and a cancel the rest does", async () => {
  const { client, told, plane } = await asking(SECRETS);
  client(notice("unheard", { words: KEY }));
  client(progress(KEY));
  client(cancel(KEY));
  expect(told().map((text) => JSON.parse(text) as unknown)).toStrictEqual([
    notice("progress", { progressToken: "p1", progress: 1 }),
    notice("cancelled", { requestId: 9 }),
  ]);
  await plane.close();
});

test("what rules leave as it is passes byte for byte", async () => {
  const { client, told, plane } = await asking(REDACT);
  const line = '{"jsonrpc":"2.0", "method":"notifications/unheard","params":{"n":1.0,"w":"Grüße"},"x":1e2}';
  client(line);
  expect(told()).toStrictEqual([line]);
  await plane.close();
});

test("before a session has begun nothing is told, and the log says so", async () => {
  const logged: string[] = [];
  const { client, toServer, plane } = wiredRelay({}, { log: (line) => void logged.push(line) });
  client(notice("initialized", {}));
  expect(toServer).toStrictEqual([]);
  expect(logged).toStrictEqual([
    "a notifications/initialized of the client's was dropped: the session has not begun",
  ]);
  await plane.close();
});

test("nothing of a stopped agent's client reaches the server but a cancel, until the plug is in again", async () => {
  const { client, told, plane } = await asking(REDACT);
  const writer = { kind: "agent", id: "writer" } as const;
  const changed = { jsonrpc: "2.0", method: "notifications/roots/list_changed" };
  const noticed = (): readonly unknown[] =>
    told().flatMap((text) => (JSON.parse(text) as { method?: string }).method ?? []);
  await plane.controls.unplug(writer, { by: "olga", reason: "x" });
  client(changed);
  client(cancel("enough"));
  await expect.poll(noticed).toStrictEqual(["notifications/cancelled"]);
  await plane.controls.plug(writer, { by: "olga" });
  client(changed);
  await expect.poll(noticed).toStrictEqual(["notifications/cancelled", changed.method]);
  await plane.close();
});
