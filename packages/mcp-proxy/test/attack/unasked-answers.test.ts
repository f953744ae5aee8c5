import { expect, test } from "vitest";

import { callOf, request, wiredRelay, type WiredRelay } from "../wired-relay.ts";

const answer = (id: unknown, words: string) => ({ jsonrpc: "2.0", id, result: { words } });
const ODD_IDS = ["q", 1, "1", 1.5, "agentplane:0", "", null];

/** What has left to a side, once all that came before has. */
async function leftTo(wired: WiredRelay, side: "toClient" | "toServer"): Promise<readonly string[]> {
  // A round trip behind it.
  wired.client(request("last", "ping"));
  await expect.poll(() => wired.toServer.join()).toContain('"last"');
  wired.server(answer("last", ""));
  await wired.answer("last");
  return wired[side].filter((text) => !text.includes('"last"'));
}

test("an answer of the client's to what was never asked reaches nobody", async () => {
  const wired = wiredRelay();
  for (const id of ODD_IDS) wired.client(answer(id, "unasked"));
  expect((await leftTo(wired, "toServer")).join()).not.toContain("unasked");
  await wired.plane.close();
});

test("an answer of the server's to what was never asked reaches nobody", async () => {
  const wired = wiredRelay();
  for (const id of ODD_IDS) wired.server(answer(id, "unasked"));
  expect((await leftTo(wired, "toClient")).join()).not.toContain("unasked");
  await wired.plane.close();
});

test("of two answers of the client's the first counts", async () => {
  const wired = wiredRelay();
  wired.server(request("q", "roots/list"));
  await wired.answer("q");
  for (const words of ["first", "second"]) wired.client(answer("q", words));
  const left = (await leftTo(wired, "toServer")).join();
  expect([left.includes("first"), left.includes("second")]).toStrictEqual([true, false]);
  await wired.plane.close();
});

test("of two answers of the server's the first counts, and none is another call's under the same id", async () => {
  const wired = wiredRelay();
  wired.client(callOf(1, "f"));
  await wired.asked(1);
  for (const words of ["first", "second"]) wired.server(answer(1, words));
  const left = (await leftTo(wired, "toClient")).join();
  expect([left.includes("first"), left.includes("second")]).toStrictEqual([true, false]);
  await wired.plane.close();
});

test.each(["cancelled", "answered by an id of another type"])(
  "an answer of the client's to a question that was %s does not reach the server",
  async (how) => {
    const wired = wiredRelay();
    wired.server(request(7, "roots/list"));
    await wired.answer(7);
    if (how === "cancelled")
      wired.server({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
    wired.client(answer(how === "cancelled" ? 7 : "7", "late"));
    expect((await leftTo(wired, "toServer")).join()).not.toContain("late");
    await wired.plane.close();
  },
);

test("a server cannot answer a question of the proxy's own", async () => {
  const wired = wiredRelay({
    policies: [{ id: "ask", blocking: [{ rule: "condition", where: { tool: "f" }, then: "escalate" }] }],
  });
  const capabilities = { elicitation: {} };
  wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities }));
  await wired.asked(1);
  wired.server({ jsonrpc: "2.0", id: 0, result: { protocolVersion: "2025-11-25", capabilities: {} } });
  await wired.answer(0);
  wired.client(callOf(1, "f"));
  await expect.poll(() => wired.toClient.join()).toContain("elicitation/create");
  const { id } = JSON.parse(wired.toClient.at(-1) ?? "{}") as { id: string };
  wired.server({ jsonrpc: "2.0", id, result: { action: "accept", content: { approve: true } } });
  expect(await leftTo(wired, "toServer")).toHaveLength(1);
  await wired.plane.close();
});
