import { randomBytes } from "node:crypto";

import { Pool } from "pg";

import { postgresState, type PostgresStateOptions } from "../src/postgres-state.ts";
import { DATABASE_URL } from "./find-servers.ts";

/** A schema of its own for one test file, gone afterwards. */
export class TestSchema {
  readonly name = `agentplane_test_${randomBytes(6).toString("hex")}`;
  readonly pool = new Pool({ connectionString: DATABASE_URL, max: 2 });

  /** State on it; each has a pool of its own, as another process would. */
  open(options: Partial<PostgresStateOptions> = {}): ReturnType<typeof postgresState> {
    // One of the two ways to connect is always there.
    return postgresState({
      ...(options.pool === undefined && { connectionString: DATABASE_URL }),
      schema: this.name,
      ports: { logger: QUIET },
      ...options,
    } as PostgresStateOptions);
  }

  /** Makes all tables as after installing. */
  async empty(): Promise<void> {
    const tables = ["limit_cell", "limit_usage", "limit_grant", "held_item", "document", "document_change"];
    await this.pool.query(tables.map((table) => `DELETE FROM "${this.name}".${table}`).join(";"));
  }

  /** Replaces the server's clock by a row that a test sets: everything but waiting is real. */
  async useTestClock(startMs: number): Promise<(nowMs: number) => Promise<void>> {
    await this.open().controls.read("installs");
    await this.pool.query(`
      CREATE TABLE "${this.name}".test_clock (now_ms bigint);
      INSERT INTO "${this.name}".test_clock VALUES (${startMs});
      CREATE OR REPLACE FUNCTION "${this.name}".now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
        $$ SELECT now_ms FROM "${this.name}".test_clock $$`);
    return async (nowMs) =>
      void (await this.pool.query(`UPDATE "${this.name}".test_clock SET now_ms = $1`, [nowMs]));
  }

  async drop(): Promise<void> {
    await this.pool.query(`DROP SCHEMA IF EXISTS "${this.name}" CASCADE`);
    await this.pool.end();
  }
}

/** A log that nobody needs to see. */
export const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
