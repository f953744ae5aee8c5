import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { inSession, json, post, SESSION } from "../http/proxied.ts";
import { callOf, request, wiredRelay } from "../wired-relay.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const CALLS = [
  "Tools/Call",
  "TOOLS/CALL",
  "tools/call ",
  "\ttools/call",
  "tools/c\u200Ball",
  "tools/call\0x",
  "ｔools/call",
];
const REFUSED = { error: { code: -32600, message: "the message was refused: misspelt method" } };

describe("a method that is written otherwise", () => {
  test.each([
    ...CALLS,
    "Resources/read",
    "tasks/RESULT",
    "sampling/CreateMessage",
    "resources/l\u0131st",
    "\u0130nitialize",
  ])("does not reach the server: %j", async (method) => {
    const { client, answer, toServer, plane } = wiredRelay({ policies: [NO_WIPE] });
    client(request(1, method, { name: "wipe", arguments: {} }));
    expect(await answer(1)).toMatchObject(REFUSED);
    client([request(2, method), callOf(3, "f")] as never);
    expect(await answer(2)).toMatchObject(REFUSED);
    client({ jsonrpc: "2.0", method });
    expect(toServer).toStrictEqual([]);
    await plane.close();
  });

  test.each(["Sampling/createMessage", "elicitation/Create", "roots/LIST"])(
    "does not reach the client: %j",
    async (method) => {
      const { server, toServer, toClient, plane } = wiredRelay();
      server(request("s1", method, { messages: [] }));
      await expect.poll(() => toServer.map((text) => JSON.parse(text) as unknown)).toMatchObject([REFUSED]);
      expect(toClient).toStrictEqual([]);
      await plane.close();
    },
  );

  test("is no question within an answer", async () => {
    const inputRequests = { q: { method: "elicitation/Create", params: { message: "your password?" } } };
    const serve = () => ({ result: { resultType: "input_required", inputRequests } });
    const { client, answer, toClient, plane } = wiredRelay({}, { serve });
    client(callOf(1, "f"));
    expect(await answer(1)).toHaveProperty("error");
    expect(toClient.join()).not.toContain("password");
    await plane.close();
  });

  test("goes no further over HTTP", async () => {
    const { url, got } = await inSession((_one, response) => json(response, {}), [NO_WIPE]);
    const answer = await post(url, request(1, "Tools/Call", { name: "wipe" }), SESSION);
    expect([answer.status, await answer.json()]).toMatchObject([400, { id: 1, ...REFUSED }]);
    expect(got).toHaveLength(1);
  });
});

test.each(["tools/calls", "x/tools/call", "Unheard/Of", "ping2"])(
  "one that nobody knows goes on: %j",
  async (method) => {
    const { client, asked, plane } = wiredRelay();
    client(request(1, method));
    expect(await asked(1)).toMatchObject([{ method }]);
    await plane.close();
  },
);
