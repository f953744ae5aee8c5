import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { request, wiredRelay, type WiredRelay } from "../wired-relay.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} }, sampling: {} },
};
const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };
const SECRETS: Policy = { id: "secrets", blocking: [rule.secretScan()] };
const KEY = "AKIAQ3EGRZ7T5LKPW2VX";
const SAMPLED = { role: "assistant", model: "m", content: { type: "text", text: `write to ${MAIL}` } };

function wired(policies: Policy[]): WiredRelay {
  return wiredRelay({ policies }, { serve: () => ({ result: { content: [] } }) });
}

const answering = (answers: unknown, method = "tools/call"): Record<string, unknown> =>
  request(1, method, { name: "f", _meta: META, inputResponses: answers, requestState: "theirs" });

describe("what a client answers to a server's question", () => {
  test.each([
    ["its model said", SAMPLED],
    ["its user said", { action: "accept", content: { to: MAIL } }],
    ["its roots are", { roots: [{ uri: `file:///home/${MAIL}` }] }],
    ["nobody knows yet", { words: [MAIL] }],
    ["its model said, in a response", { result: SAMPLED }],
  ])("is redacted where %s", async (_what, answer) => {
    const { client, asked, toServer, plane } = wired([REDACT]);
    client(answering({ q: answer }));
    await asked(1);
    expect(toServer[0]).not.toContain(MAIL);
    expect(JSON.parse(toServer[0] ?? "")).toMatchObject({
      params: { requestState: "theirs", inputResponses: { q: {} } },
    });
    await plane.close();
  });

  test("that a rule withholds does not go on, nor does the request", async () => {
    const { client, answer, toServer, plane } = wired([SECRETS]);
    client(answering({ ok: { action: "decline" }, q: { action: "accept", content: { key: KEY } } }));
    expect(await answer(1)).toHaveProperty("result.isError", true);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test("by a policy about models alone is not judged where a person answered", async () => {
    const { client, asked, toServer, plane } = wired([
      { ...REDACT, selector: { hookpoints: ["after_model_call"] } },
    ]);
    client(answering({ q: { action: "accept", content: { to: MAIL } }, s: SAMPLED }));
    await asked(1);
    expect(toServer[0]).toContain(`"to":"${MAIL}"`);
    expect(toServer[0]).not.toContain(`write to ${MAIL}`);
    await plane.close();
  });

  test("passes byte for byte where rules change nothing", async () => {
    const { client, asked, toServer, plane } = wired([REDACT]);
    const line = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","_meta":${JSON.stringify(META)},"inputResponses":{"q":{"action":"accept","content":{"n":1.0}}}}}`;
    client(line);
    await asked(1);
    expect(toServer).toStrictEqual([line]);
    await plane.close();
  });

  test("with a number that cannot be repeated does not go on where its part is redacted", async () => {
    const { client, answer, toServer, plane } = wired([REDACT]);
    client(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","_meta":${JSON.stringify(META)},"inputResponses":{"q":{"action":"accept","content":{"to":"${MAIL}","n":12345678901234567890}}}}}`,
    );
    expect(await answer(1)).toHaveProperty("result.isError", true);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test.each([
    ["a list of answers", [{ action: "accept", content: { key: KEY } }]],
    ["a text", KEY],
    ["an answer that is a text", { q: KEY }],
    ["an answer that is a list", { q: [KEY] }],
    ["nothing", null],
  ])("is refused where it cannot be read: %s", async (_what, answers) => {
    const { client, answer, toServer, plane } = wired([SECRETS]);
    client(answering(answers));
    expect(await answer(1)).toHaveProperty("error.code", -32_602);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test("is judged whole where something stands beside a result", async () => {
    const { client, answer, toServer, plane } = wired([SECRETS]);
    client(answering({ q: { result: { action: "decline" }, action: "accept", content: { key: KEY } } }));
    expect(await answer(1)).toHaveProperty("result.isError", true);
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });
});
