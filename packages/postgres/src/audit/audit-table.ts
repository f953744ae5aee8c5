import type { Database } from "../database.ts";
import { ServerFailure } from "../server-failure.ts";
import type { AuditLine } from "./audit-line.ts";

/** No partition for a row: it was dropped after it was looked for. */
const NO_PARTITION = "23514";
const DAY_MS = 86_400_000;

/** The table of the trail: lines go in whole groups or not at all, each month into a partition of its own. */
export class AuditTable {
  readonly #database: Database;
  readonly #months = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes lines in one statement; lines that are there already stay as they are. */
  async write(writer: string, lines: readonly AuditLine[]): Promise<void> {
    await this.#makeMonths(lines);
    try {
      await this.#insert(writer, lines);
    } catch (error) {
      if (!(error instanceof ServerFailure) || error.reason !== NO_PARTITION) throw error;
      this.#months.clear();
      await this.#makeMonths(lines);
      await this.#insert(writer, lines);
    }
  }

  /** Makes the partition of next month while there is time, and drops those that are older than is kept. */
  async tend(nowMs: number, keepDays: number | undefined): Promise<readonly string[]> {
    await this.#makeMonth(nowMs);
    await this.#makeMonth(nowMs + 31 * DAY_MS);
    if (keepDays === undefined) return [];
    const dropped = await this.#database.call("drop_audit_months", [new Date(nowMs - keepDays * DAY_MS)]);
    return Array.isArray(dropped) ? dropped.map(String) : [];
  }

  async #makeMonths(lines: readonly AuditLine[]): Promise<void> {
    for (const { atMs } of lines) {
      // One after the other, and mostly none: the month is known.
      // oxlint-disable-next-line no-await-in-loop
      if (!this.#months.has(monthOf(atMs))) await this.#makeMonth(atMs);
    }
  }

  async #makeMonth(atMs: number): Promise<void> {
    await this.#database.call("make_audit_month", [new Date(atMs)]);
    this.#months.add(monthOf(atMs));
  }

  async #insert(writer: string, lines: readonly AuditLine[]): Promise<void> {
    const text =
      `INSERT INTO "${this.#database.schema}".audit_record (at, writer, seq, kind, tenant, agent, effect, line) ` +
      "SELECT to_timestamp(l.at_ms / 1000), $1, l.seq, l.kind, l.tenant, l.agent, l.effect, l.line " +
      "FROM unnest($2::float8[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) " +
      "AS l(at_ms, seq, kind, tenant, agent, effect, line) ON CONFLICT DO NOTHING";
    const column = (pick: (line: AuditLine) => unknown): unknown[] => lines.map((line) => pick(line) ?? null);
    await this.#database.query(text, [
      writer,
      column(({ atMs }) => atMs),
      column(({ seq }) => seq),
      column(({ kind }) => kind),
      column(({ tenant }) => tenant),
      column(({ agent }) => agent),
      column(({ effect }) => effect),
      column(({ text: line }) => line),
    ]);
  }
}

function monthOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7);
}
