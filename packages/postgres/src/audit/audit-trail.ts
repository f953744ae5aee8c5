import { verifyLines, type VerifyReport } from "@agentplane/core";

import { checkOptions } from "../check-options.ts";
import { Database } from "../database.ts";
import { ownPorts } from "../own-ports.ts";
import { poolOf, type ConnectionOptions } from "../postgres-state.ts";

/** Where a trail is read. */
export type AuditTrailOptions = ConnectionOptions & {
  /** Default `agentplane`. */
  readonly schema?: string;
  /** Longer than this no statement is waited for, in ms. Default 30,000. */
  readonly timeoutMs?: number;
};

type Position = VerifyReport["end"];

/** What a check found about one writer's chain. */
export interface WriterReport {
  readonly writer: string;
  readonly ok: boolean;
  /** Lines that were looked at. */
  readonly lines: number;
  /** The first line that is not as it was written: its place counts from 1 in what {@link AuditTrail.lines} gives. */
  readonly firstBad?: NonNullable<VerifyReport["firstBad"]>;
  /** The place after the last good line. */
  readonly end: Position;
}

/** A trail in a database, to be read and checked. */
export interface AuditTrail {
  /** Every chain, by the name of its writer. */
  writers(): Promise<readonly string[]>;
  /** Stored lines of a writer in order, as files hold them, without line breaks. */
  lines(writer: string): AsyncIterable<string>;
  /**
   * Checks every chain.
   * @param ends Where chains must end, by writer, if that was kept elsewhere: finds one that was cut at its end.
   */
  verify(ends?: Readonly<Record<string, Position>>): Promise<readonly WriterReport[]>;
  close(): Promise<void>;
}

const AT_ONCE = 2_000;
const START: Position = { seq: 0, prev: "0".repeat(64) };

/**
 * Opens the trail that `postgresAudit` writes, for export and checks.
 * @throws ConfigError for options that are unknown or cannot be
 * @example for await (const line of auditTrail({ pool }).lines(writer)) file.write(`${line}\n`);
 */
export function auditTrail(options: AuditTrailOptions): AuditTrail {
  const names = ["pool", "connectionString", "schema", "timeoutMs"];
  checkOptions("auditTrail", options, { names, numbers: ["timeoutMs"] });
  const { schema = "agentplane", timeoutMs = 30_000 } = options;
  const database = new Database({ ...poolOf(options, timeoutMs), schema, timeoutMs, ports: ownPorts() });
  const writers = async (): Promise<readonly string[]> => {
    const text = `SELECT writer FROM "${schema}".audit_record UNION SELECT writer FROM "${schema}".audit_dropped ORDER BY 1`;
    return (await database.query(text, [])).map((row) => String(row["writer"]));
  };
  return {
    writers,
    async *lines(writer) {
      for await (const page of pagesOf(database, writer)) yield* page;
    },
    async verify(ends = {}) {
      const reports: WriterReport[] = [];
      // A chain that must be there and is not is a finding too.
      const all = [...new Set([...(await writers()), ...Object.keys(ends)])];
      // One chain at a time: a trail is bigger than memory.
      // oxlint-disable-next-line no-await-in-loop
      for (const writer of all) reports.push(await verifyWriter(database, writer, ends[writer]));
      return reports;
    },
    close: () => database.close(),
  };
}

async function* pagesOf(database: Database, writer: string): AsyncGenerator<readonly string[]> {
  // By the text as well: a copied row has the same number and another time.
  const text =
    `SELECT r.seq::text AS seq, r.at::text AS at, r.line FROM "${database.schema}".audit_record r ` +
    `WHERE r.writer = $1 AND (r.seq, r.at) > ($2::bigint, $3::timestamptz) ORDER BY r.seq, r.at LIMIT ${AT_ONCE}`;
  let after: readonly [seq: string, at: string] = ["-1", "-infinity"];
  for (;;) {
    // Each page begins where the one before ended.
    // oxlint-disable-next-line no-await-in-loop
    const rows = await database.query(text, [writer, ...after]);
    if (rows.length > 0) yield rows.map((row) => String(row["line"]));
    const last = rows.at(-1);
    if (last === undefined || rows.length < AT_ONCE) return;
    after = [String(last["seq"]), String(last["at"])];
  }
}

async function verifyWriter(
  database: Database,
  writer: string,
  wanted: Position | undefined,
): Promise<WriterReport> {
  let end = await startOf(database, writer);
  let lines = 0;
  for await (const page of pagesOf(database, writer)) {
    const report = verifyLines(page, undefined, { start: end });
    const { firstBad } = report;
    if (firstBad !== undefined)
      return {
        writer,
        ok: false,
        lines: lines + firstBad.line,
        firstBad: { ...firstBad, line: lines + firstBad.line },
        end: report.end,
      };
    lines += page.length;
    end = report.end;
  }
  const { firstBad } = verifyLines([], undefined, { start: end, ...(wanted && { end: wanted }) });
  if (firstBad === undefined) return { writer, ok: true, lines, end };
  return { writer, ok: false, lines, firstBad: { ...firstBad, line: lines + 1 }, end };
}

/** Behind the months that were dropped, if any were. */
async function startOf(database: Database, writer: string): Promise<Position> {
  const text = `SELECT seq::text AS seq, hash FROM "${database.schema}".audit_dropped WHERE writer = $1`;
  const [row] = await database.query(text, [writer]);
  return row === undefined ? START : { seq: Number(row["seq"]) + 1, prev: String(row["hash"]) };
}
