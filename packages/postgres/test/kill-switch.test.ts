import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

import { createAgentPlane } from "@agentplane/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { startChild } from "./processes/child.ts";
import type { Stopped } from "./processes/kill-worker.ts";
import { TestSchema } from "./server.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { hasServer } from "./servers.ts";

describe.skipIf(!hasServer)("a kill from another process", () => {
  let schema: TestSchema;
  let worker: ChildProcess | undefined;

  beforeEach(() => {
    schema = new TestSchema();
    return async () => schema.drop();
  });
  afterEach(() => worker?.kill());

  test.each([
    ["by notification", "true", 1_000],
    ["by looking, where nothing can listen", "false", 2_000],
  ])("stops a running tool, %s", async (_, listen, atMostMs) => {
    worker = await startChild("kill-worker.ts", DATABASE_URL, schema.name, listen);
    const plane = createAgentPlane({ state: schema.open() });
    await plane.ready();
    const killedMs = Date.now();
    const stopped = once(worker, "message") as Promise<[Stopped]>; // It says nothing else before.
    await plane.controls.unplug({ kind: "agent", id: "worker" }, { by: "operator", reason: "test" });
    const [message]: [Stopped] = await stopped;
    const tookMs = message.stoppedMs - killedMs;
    console.info(
      `kill across processes, ${listen === "true" ? "notified" : "looked for every 200 ms"}: ${tookMs} ms`,
    );
    expect(tookMs).toBeGreaterThanOrEqual(0);
    expect(tookMs).toBeLessThan(atMostMs);
    await plane.close();
  });
});
