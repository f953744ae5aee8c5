import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };

test.each([
  ["a result", { result: { said: MAIL } }],
  ["an error", { error: { code: -1, message: MAIL } }],
  ["what stands beside it", { result: { _meta: { said: MAIL } } }],
])("a ping is answered by neither side with words that rules redact: %s", async (_, given) => {
  const wired = wiredRelay({ policies: [REDACT] }, { serve: () => given });
  wired.client(request(1, "ping"));
  expect(JSON.stringify(await wired.answer(1))).not.toContain(MAIL);
  wired.server(request("s", "ping"));
  await wired.answer("s");
  wired.client({ jsonrpc: "2.0", id: "s", ...given });
  const told = await wired.asked(2);
  expect(JSON.stringify(told[1])).not.toContain(MAIL);
  await wired.plane.close();
});

test("a ping that is answered with nothing passes byte for byte", async () => {
  const wired = wiredRelay({ policies: [REDACT] });
  wired.client(request(1, "ping"));
  await wired.asked(1);
  const answer = '{"result":{ },"id":1,"jsonrpc":"2.0"}';
  wired.server(answer);
  await wired.answer(1);
  expect(wired.toClient).toStrictEqual([answer]);
  await wired.plane.close();
});
