import { setTimeout } from "node:timers/promises";

import { Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { postgresState } from "../src/postgres-state.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

const PASSWORD = "only-for-this-test";

describe.skipIf(!canStartServers)("listening on a server that asks for a password", () => {
  let server: PrivateServer;

  beforeAll(async () => {
    server = await PrivateServer.create();
    const admin = new Client({ connectionString: server.url });
    await admin.connect();
    const { rows } = await admin.query<{ hba_file: string }>("SHOW hba_file");
    await admin.query(`ALTER ROLE postgres PASSWORD '${PASSWORD}'`);
    await admin.query(`COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO '${rows[0]?.hba_file}'`);
    await admin.query("SELECT pg_reload_conf()");
    await admin.end();
    const isAsked = async (): Promise<boolean> => {
      const client = new Client({ connectionString: server.url });
      return client.connect().then(
        () => client.end().then(() => false),
        () => true,
      );
    };
    await vi.waitUntil(isAsked);
  }, 60_000);
  afterAll(() => server.destroy());

  test.each([
    ["text", PASSWORD],
    ["function", async () => PASSWORD],
  ])("a pool's own password is used, as a %s", async (_, password) => {
    const { hostname: host, username: user } = new URL(server.url);
    const pool = new Pool({ host, port: server.port, user, password, database: "postgres", max: 2 });
    const warned: string[] = [];
    const logger = { ...QUIET, warn: (text: string): void => void warned.push(text) };
    const state = postgresState({ pool, pollMs: 60_000, ports: { logger } });
    const told: string[] = [];
    await state.controls.read("installs");
    state.controls.watch("plug", { changed: (key) => told.push(key) });
    // It reads once at the beginning, and listens from then on.
    await setTimeout(500);
    const other = postgresState({ pool, ports: { logger: QUIET } });
    await other.controls.update("plug:a", () => ({}));
    await expect.poll(() => told).toEqual(["plug:a"]);
    expect(warned).toEqual([]);
    await other.controls.update("plug:a", () => undefined);
    await other.close();
    await state.close();
    await pool.end();
  });
});
