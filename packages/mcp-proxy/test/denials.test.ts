import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { callOf, request, wiredRelay } from "./wired-relay.ts";

const ONCE: Policy = {
  id: "once",
  selector: { tools: ["f"] },
  blocking: [rule.rate({ id: "calls", limit: 1, window: "1h", per: "session" })],
};
const served = { serve: () => ({ result: { content: [] } }) };

const WAIT = expect.stringMatching(/ Retry after 3(?:600|599|598) s\.$/) as string;

test.each([
  ["result", { result: { isError: true, content: [{ type: "text", text: WAIT }] } }],
  [
    "error",
    {
      error: {
        code: -31_403,
        message: WAIT,
        data: { policy: "once", rule: "calls", retryAfterMs: expect.any(Number) as number },
      },
    },
  ],
] as const)("a call above a rate is told when it may be made again: as %s", async (denyAs, told) => {
  const { client, answer, toServer, plane } = wiredRelay({ policies: [ONCE] }, { ...served, denyAs });
  client(callOf(1, "f"));
  await answer(1);
  client(callOf(2, "f"));
  expect(await answer(2)).toMatchObject(told);
  expect(toServer).toHaveLength(1);
  await plane.close();
});

test("a tool that was unplugged is told in the server's own words for one that does not exist, and listed no more", async () => {
  const { client, answer, toServer, plane } = wiredRelay(
    {},
    {
      serve: ({ method, params }) =>
        method === "tools/list"
          ? { result: { tools: [{ name: "f" }, { name: "g" }] } }
          : { error: { code: -32_602, message: `no ${(params as { name: string }).name} here` } },
    },
  );
  await plane.controls.unplug({ kind: "tool", id: "f" }, { by: "olga", reason: "x" });
  client(callOf(1, "f"));
  expect(await answer(1)).toHaveProperty("error", { code: -32_602, message: "no f here" });
  client(request(2, "tools/list"));
  expect(await answer(2)).toHaveProperty("result.tools", [{ name: "g" }]);
  expect(toServer.filter((text) => text.includes('"f"'))).toStrictEqual([]);
  await plane.close();
});

test("more requests at once than one side may have are refused, and the others go on", async () => {
  const { client, server, answer, toServer, toClient, plane } = wiredRelay();
  for (let id = 1; id <= 1_001; id++) client(request(id, "unheard/of"));
  expect(await answer(1_001)).toMatchObject({
    error: { code: -31_503, message: "too many requests at once" },
  });
  await expect.poll(() => toServer.length).toBe(1_000);
  server({ jsonrpc: "2.0", id: 7, result: {} });
  await answer(7);
  client(request(1_002, "unheard/of"));
  await expect.poll(() => toServer.at(-1)).toContain("1002");
  for (let id = 1; id <= 1_001; id++) server(request(`s${id}`, "roots/list"));
  await expect.poll(() => toServer.join()).toContain('"id":"s1001","error"');
  expect(toClient.join()).not.toContain("s1001");
  await plane.close();
});
