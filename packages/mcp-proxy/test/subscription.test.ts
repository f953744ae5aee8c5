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

const acknowledged = (id: string) => ({
  jsonrpc: "2.0",
  method: "notifications/subscriptions/acknowledged",
  params: { notifications: { toolsListChanged: true }, _meta: { [SUBSCRIPTION]: id } },
});

test("a subscription that the server has not acknowledged hears first of that, and then of what changed meanwhile", async () => {
  const { client, server, asked, toClient, plane } = wiredRelay();
  client(request("a", "subscriptions/listen", LISTEN));
  client(request("b", "subscriptions/listen", LISTEN));
  await asked(2);
  server(acknowledged("b"));
  await plane.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "x" });
  await expect.poll(() => toClient.join()).toContain("list_changed");
  server(acknowledged("a"));
  const told = toClient.map((text) => JSON.parse(text) as { method: string; params: { _meta: object } });
  expect(
    told.map(({ method, params }) => [method.split("/").at(-1), Object.values(params["_meta"])]),
  ).toStrictEqual([
    ["acknowledged", ["b"]],
    ["list_changed", ["b"]],
    ["acknowledged", ["a"]],
    ["list_changed", ["a"]],
  ]);
  await plane.close();
});

test("a subscription hears of the lists that it names", async () => {
  const { client, server, asked, toClient, plane } = wiredRelay();
  const notifications = { promptsListChanged: true, resourcesListChanged: true, toolsListChanged: false };
  client(request("a", "subscriptions/listen", { ...LISTEN, notifications }));
  await asked(1);
  server(acknowledged("a"));
  await plane.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "x" });
  await expect.poll(() => toClient.length).toBe(3);
  expect(toClient.slice(1).map((text) => (JSON.parse(text) as { method: string }).method)).toStrictEqual([
    "notifications/resources/list_changed",
    "notifications/prompts/list_changed",
  ]);
  await plane.close();
});

test("each open subscription hears of a change, and none that was answered or cancelled", async () => {
  const { client, server, asked, answer, toClient, plane } = wiredRelay();
  for (const id of ["a", "b", "c", "d"]) client(request(id, "subscriptions/listen", LISTEN));
  await asked(4);
  for (const id of ["a", "b", "c", "d"]) server(acknowledged(id));
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
