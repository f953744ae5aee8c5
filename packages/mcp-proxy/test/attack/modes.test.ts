import { rule, type Mode, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

const TOOLS = {
  safe: { access: "read", external: false, safe: true },
  look: { access: "read", external: false },
} as const;
const served = () => ({ result: { content: [], contents: [], tools: [], messages: [] } });

/** A relay whose session has begun before the mode came into force. */
async function degraded(mode: Mode, policies: Policy[] = []) {
  const wired = wiredRelay({ tools: TOOLS, policies }, { serve: served, approvalWaitMs: 0 });
  wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  await wired.answer(0);
  await wired.plane.controls.degrade({ kind: "agent", id: "writer" }, mode, { by: "olga" });
  return wired;
}

const REQUESTS: readonly (readonly [string, Record<string, unknown>])[] = [
  ["tools/call", { name: "safe" }],
  ["tools/call", { name: "look" }],
  ["tools/call", { name: "wipe" }],
  ["resources/read", { uri: "file:///a" }],
  ["prompts/get", { name: "p" }],
  ["tools/list", {}],
  ["logging/setLevel", { level: "info" }],
  ["resources/unsubscribe", { uri: "file:///a" }],
  ["unheard/of", {}],
  ["Tools/call", { name: "wipe" }],
];

// As the table of the modes says, from the tool that is safe to what nobody knows; an ask that nobody answers is a no, and
// no mode lets through what a careless server could take for a call.
test.each<[Mode, string]>([
  ["READ_ONLY", "yes yes no yes yes yes yes yes yes no"],
  ["NO_EXTERNAL", "yes yes no no no yes yes yes yes no"],
  ["HUMAN_LOOP", "no no no no no yes yes yes no no"],
  ["SAFE_TOOLS_ONLY", "yes no no no no yes yes yes no no"],
  ["FULL_BLOCK", "no no no no no no no no no no"],
])("%s lets through what its row says", async (mode, row) => {
  const wired = await degraded(mode);
  const reached: string[] = [];
  for (const [at, [method, params]] of REQUESTS.entries()) {
    const before = wired.toServer.length;
    wired.client(request(at + 1, method, params));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await wired.answer(at + 1);
    // What is said of a tool that does not exist is asked for under a name of the proxy's.
    reached.push(
      wired.toServer.slice(before).some((text) => text.includes(`"id":${at + 1},`)) ? "yes" : "no",
    );
  }
  expect(reached.join(" ")).toBe(row);
  await wired.plane.close();
});

describe("what a server asks of a client", () => {
  test.each<[Mode, string]>([
    ["READ_ONLY", "yes yes yes"],
    ["HUMAN_LOOP", "yes no no"],
    ["SAFE_TOOLS_ONLY", "yes no no"],
    ["FULL_BLOCK", "no no no"],
  ])("passes as the row of %s says", async (mode, row) => {
    const wired = await degraded(mode);
    const asks = [
      request("s0", "sampling/createMessage", { messages: [], maxTokens: 9 }),
      request("s1", "elicitation/create", { message: "who?", requestedSchema: { type: "object" } }),
      request("s2", "unheard/of"),
    ];
    for (const ask of asks) wired.server(ask);
    const settled = (id: string): boolean =>
      [...wired.toClient, ...wired.toServer].some((text) => text.includes(`"${id}"`));
    await expect.poll(() => ["s0", "s1", "s2"].every(settled)).toBe(true);
    expect(
      ["s0", "s1", "s2"].map((id) => (wired.toClient.join().includes(`"${id}"`) ? "yes" : "no")).join(" "),
    ).toBe(row);
    await wired.plane.close();
  });
});

test("a policy about handoffs says nothing of methods that nobody knows", async () => {
  const noHandoffs: Policy = {
    id: "no-handoffs",
    selector: { hookpoints: ["before_handoff"] },
    blocking: [rule.condition({ where: { agent: "writer" } })],
  };
  const wired = await degraded("READ_ONLY", [noHandoffs]);
  wired.client(request(1, "unheard/of"));
  expect(await wired.answer(1)).toHaveProperty("result");
  await wired.plane.close();
});
