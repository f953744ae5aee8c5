import type { Database } from "../database.ts";
import { ServerFailure } from "../server-failure.ts";
import type { AuditLine } from "./audit-line.ts";

/** No partition for a row: it was dropped after it was looked for. */
const NO_PARTITION = "23514";

/**
 * The table of the trail: lines go in whole groups or not at all, each month into a partition of its own. Months are those
 * of the server's clock, in the order of the chain: by one that is years off, lines would be dropped with an old month.
 */
export class AuditTable {
  readonly #database: Database;
  readonly #months = new Set<string>();
  /** When lines were taken, by the server's clock: told again, a line must be found where it was written first. */
  readonly #filedMs = new WeakMap<AuditLine, number>();
  #lastFiledMs = 0;
  /** The server's clock less this process's monotonic one. */
  #offsetMs: number | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes lines in one statement; lines that are there already stay as they are. */
  async write(writer: string, lines: readonly AuditLine[]): Promise<void> {
    if (this.#offsetMs === undefined) await this.#learnClock();
    for (const line of lines) this.#file(line);
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
  async tend(keepDays: number | undefined): Promise<readonly string[]> {
    const { schema } = this.#database;
    await this.#learnClock();
    const make = `"${schema}".make_audit_month`;
    const now = `to_timestamp("${schema}".clock_ms() / 1000.0)`;
    // From the first day of any month 32 days lead into the next one; from the 30th of January they would pass February.
    const nextMonth = `date_trunc('month', ${now}, 'UTC') + interval '32 days'`;
    await this.#database.query(`SELECT ${make}(${now}), ${make}(${nextMonth})`, []);
    if (keepDays === undefined) return [];
    const text = `SELECT "${schema}".drop_audit_months(${now} - make_interval(days => $1)) AS dropped`;
    const [row] = await this.#database.query(text, [keepDays]);
    const dropped = row?.["dropped"];
    return Array.isArray(dropped) ? dropped.map(String) : [];
  }

  async #learnClock(): Promise<void> {
    const clockMs = Number(await this.#database.call("clock_ms", []));
    this.#offsetMs = clockMs - performance.now();
  }

  #file(line: AuditLine): number {
    const known = this.#filedMs.get(line);
    if (known !== undefined) return known;
    this.#lastFiledMs = Math.max(this.#lastFiledMs, Math.floor((this.#offsetMs ?? 0) + line.takenMs));
    this.#filedMs.set(line, this.#lastFiledMs);
    return this.#lastFiledMs;
  }

  async #makeMonths(lines: readonly AuditLine[]): Promise<void> {
    for (const line of lines) {
      const month = monthOf(this.#file(line));
      if (this.#months.has(month)) continue;
      // One after the other, and mostly none: the month is known.
      // oxlint-disable-next-line no-await-in-loop
      await this.#database.call("make_audit_month", [new Date(this.#file(line))]);
      this.#months.add(month);
    }
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
      column((line) => this.#file(line)),
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
