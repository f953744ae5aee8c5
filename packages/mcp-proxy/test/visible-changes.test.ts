import { createAgentPlane, memoryState } from "@agentplane/core";
import { afterEach, expect, test, vi } from "vitest";

import { request, wiredRelay, type WiredRelay } from "./wired-relay.ts";

const CHANGED = "notifications/tools/list_changed";

afterEach(() => {
  vi.useRealTimers();
});

async function begun(wired: WiredRelay): Promise<WiredRelay> {
  wired.client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  await wired.answer(0);
  return wired;
}
const serve = () => ({ result: { protocolVersion: "2025-11-25", capabilities: { tools: {} } } });

test.each(["plug", "mode"])("lists are said to change when another process changes a %s", async (what) => {
  const state = memoryState();
  const other = createAgentPlane({ state });
  const wired = await begun(wiredRelay({ state }, { serve }));
  const act = { by: "olga", reason: "x" };
  await (what === "plug"
    ? other.controls.unplug({ kind: "tool", id: "wipe" }, act)
    : other.controls.degrade({ kind: "global" }, "READ_ONLY", act));
  await expect.poll(() => wired.toClient.join()).toContain(CHANGED);
  await wired.relay.close();
  await wired.plane.close();
});

test("lists are said to change when the time of a mode runs out, and not before", async () => {
  const wired = await begun(wiredRelay({}, { serve }));
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date", "setTimeout", "clearTimeout"] });
  const told = () => wired.toClient.filter((text) => text.includes(CHANGED)).length;
  const scope = { kind: "global" } as const;
  await wired.plane.controls.degrade(scope, { mode: "READ_ONLY", recover: { after: "10m" } }, { by: "olga" });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told()).toBe(1);
  await vi.advanceTimersByTimeAsync(590_000);
  expect(told()).toBe(1);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told()).toBe(2);
  await wired.relay.close();
  await wired.plane.close();
});
