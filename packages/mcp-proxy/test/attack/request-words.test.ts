import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const KEY = "AKIAQ3EGRZ7T5LKPW2VX";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const SECRETS: Policy = { id: "secrets", blocking: [rule.secretScan()] };

/** What a server gets of a client that asks this, and what the client gets. */
async function sent(method: string, params: Record<string, unknown> | string, options: PlaneOptions) {
  const wired = wiredRelay(options, { serve: () => ({ result: {} }) });
  wired.client(
    typeof params === "string"
      ? `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`
      : request(1, method, params),
  );
  const answer = await wired.answer(1);
  await wired.plane.close();
  return { text: wired.toServer.join(), first: wired.toServer[0] ?? "", answer };
}

const METHODS: readonly [string, Record<string, unknown>][] = [
  ["tools/call", { name: "f", arguments: { a: 1 } }],
  ["prompts/get", { name: "p" }],
  ["resources/read", { uri: "file:///a" }],
  ["resources/unsubscribe", { uri: "file:///a" }],
  ["completion/complete", { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "b" } }],
  ["tools/list", { cursor: "2" }],
  ["tasks/get", { taskId: "t" }],
  ["logging/setLevel", { level: "debug" }],
  [
    "initialize",
    { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "c", version: "1" } },
  ],
  ["ping", {}],
];

describe.each(METHODS)("what a client says in %s beside what rules decide", (method, params) => {
  const said = (words: string) => ({
    ...params,
    note: words,
    _meta: { progressToken: "p", "com.example/note": words, [words]: 1 },
  });

  test("is redacted", async () => {
    const { text, first } = await sent(method, said(MAIL), { policies: [REDACT] });
    expect(text).not.toContain(MAIL);
    const meta = { progressToken: "p", "com.example/note": "[EMAIL]", "[EMAIL]": 1 };
    expect(JSON.parse(first)).toHaveProperty("params", {
      ...params,
      note: "[EMAIL]",
      _meta: meta,
    });
  });

  test("is left out where rules would withhold it, and the request goes on", async () => {
    const { text, first } = await sent(method, said(KEY), { policies: [SECRETS] });
    expect(text).not.toContain(KEY);
    expect(JSON.parse(first)).toHaveProperty("params", { ...params, _meta: { progressToken: "p" } });
  });
});

test("it is judged as a part of the call of its tool, under each name", async () => {
  const ofTool: Policy = { ...SECRETS, selector: { tools: ["f"] } };
  const params = { name: "f", arguments: {}, note: KEY };
  expect((await sent("tools/call", params, { policies: [ofTool] })).text).not.toContain(KEY);
  expect((await sent("tools/call", { ...params, name: "g" }, { policies: [ofTool] })).text).toContain(KEY);
});

test("nothing of a request that nobody knows goes on where rules would withhold what it says", async () => {
  const { text, answer } = await sent("unheard/of", { note: KEY }, { policies: [SECRETS] });
  expect(text).toBe("");
  expect(answer).toHaveProperty("error.code", -31_403);
  expect((await sent("unheard/of", { note: MAIL }, { policies: [REDACT] })).text).toContain("[EMAIL]");
});

test("where it is no object, or no rule finds anything, the very bytes go on", async () => {
  const policies = [REDACT, SECRETS];
  const odd =
    '{"name":"f", "arguments":{"n":1.0},"x":12345678901234567890 ,"_meta":{"a":"b","progressToken":7}}';
  expect((await sent("tools/call", odd, { policies })).text).toContain(odd);
  expect((await sent("tools/list", '{"_meta":"b"}', { policies })).text).toContain('"_meta":"b"');
});

test("what the protocol itself puts beside a request stays, whatever rules find", async () => {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "c", version: KEY },
    progressToken: 1,
  };
  const { text } = await sent(
    "tools/call",
    { name: "f", arguments: {}, _meta: meta },
    { policies: [SECRETS] },
  );
  expect(JSON.parse(text)).toHaveProperty("params._meta", meta);
});
