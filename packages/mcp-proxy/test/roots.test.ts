import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { callOf, request, wiredRelay, type WiredRelay } from "./wired-relay.ts";

const MAIL = "mira@example.com";
const REDACT: Policy = { id: "privacy", blocking: [rule.redact({ detect: ["email"] })] };

/** A session with a call at the server, in which that may ask. */
async function running(planeOptions: PlaneOptions): Promise<WiredRelay> {
  const wired = wiredRelay(planeOptions);
  wired.client(callOf(1, "read"));
  await wired.asked(1);
  return wired;
}

describe("what a server asks of the client's roots", () => {
  const NO_ROOTS: Policy = {
    id: "no-roots",
    blocking: [rule.condition({ where: { target: "roots/list" }, then: "block" })],
  };

  test("is decided before the client is asked", async () => {
    const { server, toClient, toServer, plane } = await running({ policies: [NO_ROOTS] });
    server(request("s1", "roots/list"));
    await expect.poll(() => toServer.length).toBe(2);
    expect(toServer[1]).toContain('"error"');
    expect(toClient).toStrictEqual([]);
    await plane.close();
  });

  test("is answered as rules left it", async () => {
    const { server, client, toClient, toServer, plane } = await running({ policies: [REDACT] });
    server(request("s1", "roots/list"));
    await expect.poll(() => toClient.length).toBe(1);
    client({ jsonrpc: "2.0", id: "s1", result: { roots: [{ uri: `file:///home/${MAIL}` }] } });
    await expect.poll(() => toServer.length).toBe(2);
    expect(toServer[1]).toContain("file:///home/");
    expect(toServer[1]).not.toContain(MAIL);
    await plane.close();
  });

  test("and what nobody knows yet is not passed to a client whose agent is stopped", async () => {
    const { server, toClient, toServer, plane } = await running({});
    await plane.controls.unplug({ kind: "agent", id: "writer" }, { by: "olga", reason: "x" });
    const before = toServer.length;
    server(request("s1", "unheard/of"));
    await expect.poll(() => toServer.slice(before).some((text) => text.includes('"s1"'))).toBe(true);
    expect(toClient.filter((text) => text.includes("unheard"))).toStrictEqual([]);
    await plane.close();
  });
});
