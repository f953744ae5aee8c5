import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { budget, rate, take } from "./limits.ts";
import { openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { watchCommands, type SentCommands } from "./sent-commands.ts";

describe.skipIf(!canStartServers)("one round trip", () => {
  let server: PrivateServer;
  let state: RedisState;
  let commands: SentCommands;

  beforeAll(async () => {
    server = await startServer();
    state = await openState({ url: server.url, heartbeatMs: 60_000 });
    commands = await watchCommands(server.url);
  });
  afterAll(async () => {
    commands.close();
    await state.close();
    await server.dispose();
  });

  const ten = Array.from({ length: 10 }, (_, at) => [budget(`b${at}`), rate(`r${at}`, 100)]).flat();
  const call = (id: string) => ({
    ...take(id, budget(""), 0),
    items: ten.flatMap((spec) => take(id, spec, 1).items),
  });

  /** @returns What was sent, after everything is known to the server once. */
  async function sentBy(work: (id: string) => unknown): Promise<readonly string[]> {
    await state.ledger.reserve(call("warm"));
    await work("warm");
    await state.ledger.release("warm");
    await state.ledger.reserve(call("it"));
    await commands.take();
    await work("it");
    const sent = await commands.take();
    await state.ledger.release("it");
    return sent;
  }

  test.for<[string, (id: string) => unknown]>([
    ["reserves twenty limits", (id) => state.ledger.reserve(call(`${id}2`))],
    ["reserves the same again", (id) => state.ledger.reserve(call(id))],
    ["probes twenty limits", (id) => state.ledger.probe(call(`${id}3`))],
    ["settles twenty limits", (id) => state.ledger.settle(id, [])],
    ["releases twenty limits", (id) => state.ledger.release(id)],
    ["renews twenty limits", (id) => state.ledger.renew(id, 1_000)],
    ["ends what is not there", () => state.ledger.settle("nothing", [])],
    ["reads a limit", () => state.ledger.read(budget("b1"))],
    ["grants", () => state.ledger.grant(budget("b1"), 1)],
    ["resets", () => state.ledger.reset("b1")],
    ["reads a document", () => state.controls.read("a")],
    ["writes a new document", (id) => state.sessions.update(`new ${id}`, () => 1)],
    [
      "writes again what it has written",
      (id) => state.admissions.update("again", () => `${id} ${Math.random()}`),
    ],
  ])("%s", async ([, work]) => {
    expect(await sentBy(work)).toHaveLength(1);
  });

  test("runs its scripts by digest, and sends their text again after SCRIPT FLUSH", async () => {
    const client = new Redis(server.url);
    await state.ledger.reserve(call("before"));
    await client.script("FLUSH");
    await commands.take();
    const answers = await Promise.all(
      [1, 2, 3].map(async (at) => state.ledger.reserve(call(`flushed${at}`))),
    );
    expect(answers.every(({ isGranted }) => isGranted)).toBe(true);
    expect(new Set(await commands.take())).toEqual(new Set(["evalsha", "eval"]));
    expect((await state.ledger.read(budget("b0"))).held).toBeGreaterThanOrEqual(4);
    client.disconnect();
  });
});
