import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { budget } from "./limits.ts";
import { freshNamespace, openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";

const WORKER = fileURLToPath(new URL("processes/leased-exit.ts", import.meta.url));
const SPEC = budget("shared");

describe.skipIf(!canStartServers)("the lease of a process that ends", () => {
  let server: PrivateServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.dispose());

  test.for([
    ["close on SIGTERM", "is returned: what was used is charged, and nothing else", { used: 3, held: 0 }, 3],
    ["SIGTERM alone", "is held, and counts as used when its time is up", { used: 0, held: 100 }, 100],
    ["SIGKILL", "is held, and counts as used when its time is up", { used: 0, held: 100 }, 100],
    ["process.exit", "is held, and counts as used when its time is up", { used: 0, held: 100 }, 100],
    [
      "an error nobody caught",
      "is held, and counts as used when its time is up",
      { used: 0, held: 100 },
      100,
    ],
  ] as const)("by %s %s", async ([way, , atOnce, inTheEnd]) => {
    const namespace = freshNamespace();
    const exact = await openState({ url: server.url, namespace });
    const worker = fork(WORKER, [server.url, namespace, way], {
      execArgv: ["--conditions=agentplane-source"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    await once(worker, "message");
    const ended = once(worker, "exit");
    worker.send("end");
    await ended;
    expect(await exact.ledger.read(SPEC)).toMatchObject(atOnce);
    await expect
      .poll(async () => exact.ledger.read(SPEC), { timeout: 20_000 })
      .toMatchObject({ used: inTheEnd, held: 0 });
    await exact.close();
  });
});
