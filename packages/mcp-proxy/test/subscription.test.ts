import { expect, test } from "vitest";

import { request, wiredRelay } from "./wired-relay.ts";

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
const LISTEN = {
  notifications: { toolsListChanged: true },
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  },
};

test("each open subscription hears of a change, and none that was answered or cancelled", async () => {
  const { client, server, asked, answer, toClient, plane } = wiredRelay();
  for (const id of ["a", "b", "c", "d"]) client(request(id, "subscriptions/listen", LISTEN));
  await asked(4);
  client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "c" } });
  server({ jsonrpc: "2.0", id: "d", result: { resultType: "complete" } });
  await answer("d");
  await plane.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "x" });
  const told = (): readonly unknown[] =>
    toClient
      .filter((text) => text.includes("notifications/tools/list_changed"))
      .map((text) => (JSON.parse(text) as { params: { _meta: object } }).params["_meta"]);
  await expect.poll(() => told().length).toBeGreaterThan(0);
  expect(told()).toStrictEqual([{ [SUBSCRIPTION]: "a" }, { [SUBSCRIPTION]: "b" }]);
  await plane.close();
});
