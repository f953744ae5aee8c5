import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, test } from "vitest";

import { budget } from "./limits.ts";
import { freshNamespace, openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";

const WORKER = fileURLToPath(new URL("processes/leased-exit.ts", import.meta.url));
const SPEC = budget("shared");
/** Leased just before the end, if at all. */
const ANOTHER = budget("another");
const LEASE_TTL_MS = 4_000;

describe.skipIf(!canStartServers)("the lease of a process that ends", () => {
  let server: PrivateServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.dispose());

  const RETURNED = "is returned: what was used is charged, and nothing else";
  const KEPT = "is held, and counts as used when its time is up";
  test.concurrent.for([
    ["close on SIGTERM", RETURNED, 3],
    ["process.exit", RETURNED, 3],
    ["process.exit on SIGTERM", RETURNED, 3],
    ["process.exit while more is leased", RETURNED, 3],
    ["an error nobody caught", RETURNED, 3],
    ["a promise nobody caught", RETURNED, 3],
    ["SIGTERM alone", KEPT, 100],
    ["SIGKILL", KEPT, 100],
  ] as const)("by %s %s", async ([way, how, inTheEnd], { expect }) => {
    const namespace = freshNamespace();
    const exact = await openState({ url: server.url, namespace });
    const worker = fork(WORKER, [server.url, namespace, way, `${LEASE_TTL_MS}`], {
      execArgv: ["--conditions=agentplane-source"],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    await once(worker, "message");
    const ended = once(worker, "exit");
    worker.send("end");
    await ended;
    const read = async () => exact.ledger.read(SPEC);
    // What the process sent last is dealt with in a moment, long before the lease's time.
    const atOnce = how === RETURNED ? { used: 3, held: 0 } : { used: 0, held: 100 };
    await expect.poll(read, { timeout: LEASE_TTL_MS / 2, interval: 10 }).toMatchObject(atOnce);
    if (how === RETURNED) expect(await exact.ledger.read(ANOTHER)).toMatchObject({ used: 0, held: 0 });
    await expect.poll(read, { timeout: 20_000 }).toMatchObject({ used: inTheEnd, held: 0 });
    await exact.close();
  });
});
