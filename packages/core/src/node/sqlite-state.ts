import { DURATION_HINT, parseDurationMs } from "../base/duration.ts";
import { ConfigError } from "../base/errors.ts";
import type { Logger, Timers } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import type { StateStore, StoreAdmission, StoreAdmissionAnswer } from "../store/state-store.ts";
import { createMachineClock, type MachineClock } from "./machine-clock.ts";
import { unknownOptions, type OptionNames } from "./option-names.ts";
import { admitInFile } from "./sqlite-admit.ts";
import { SqliteChanges } from "./sqlite-changes.ts";
import { SqliteClock } from "./sqlite-clock.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { SqliteDocuments } from "./sqlite-documents.ts";
import { groupedState } from "./sqlite-grouped-state.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

/** How a state file is used. */
export interface SqliteStateOptions {
  /** The file; made where it is missing, in a directory that exists. On a local disk: not on a network share. */
  readonly path: string;
  /**
   * How long to wait for another process that is writing; the event loop waits with it where writes are not grouped.
   * Default `"1s"`.
   */
  readonly timeout?: string;
  /**
   * `normal`: a crash of a process loses nothing, a loss of power may lose the last moments. `full`: nothing is lost,
   * at the cost of a flush to the disk per write. Default `normal`.
   */
  readonly synchronous?: "normal" | "full";
  /**
   * `each`: every answer is a value, and each write a transaction of its own. `grouped`: what calls write at once shares
   * one, between two of which the event loop has its turn; what waits for it is a promise. Default `each`.
   */
  readonly writes?: "each" | "grouped";
  /** How often other processes' plugs and modes are looked for. Default `"20ms"`, at most `"50ms"`. */
  readonly poll?: string;
  /** Timers and log; default those of the platform. */
  readonly ports?: { readonly timers?: Timers; readonly logger?: Logger };
  /** The machine's clock, for tests. */
  readonly machine?: MachineClock;
}

/** State in a file: every answer is a value, never a promise. */
export interface SqliteState extends StateStore {
  readonly ledger: SqliteLedger;
  readonly controls: SqliteDocuments;
  readonly ladders: SqliteDocuments;
  readonly approvals: SqliteDocuments;
  readonly sessions: SqliteDocuments;
  readonly admissions: SqliteDocuments;
  readonly versions: SqliteDocuments;
  admit(admission: StoreAdmission): StoreAdmissionAnswer;
  nowMs(): number;
  close(): void;
}

const KNOWN: OptionNames<SqliteStateOptions> = {
  path: true,
  timeout: true,
  synchronous: true,
  writes: true,
  poll: true,
  ports: true,
  machine: true,
};
const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_POLL_MS = 20;
/** A kill in one process must stop the others well within a second. */
const MAX_POLL_MS = 50;

/**
 * Opens the state that survives a restart, in one file: plugs, modes, ladders, approvals, budgets, sessions,
 * admissions, published versions. Several processes of a machine may share the file.
 * @throws ConfigError for options that cannot be meant; AgentplaneError `state_failed` for a file that is damaged,
 *   belongs to something else, or was written by a newer version: it is never overwritten
 * @example createAgentPlane({ state: sqliteState({ path: "agentplane.db" }) });
 */
export function sqliteState(
  options: SqliteStateOptions & { readonly writes: "each" | "grouped" },
): StateStore;
export function sqliteState(options: SqliteStateOptions & { readonly writes?: undefined }): SqliteState;
export function sqliteState(options: SqliteStateOptions): StateStore {
  checkOptions(options);
  const { path, synchronous = "normal", machine = createMachineClock() } = options;
  const busyMs = durationOf(options.timeout, DEFAULT_TIMEOUT_MS);
  const database = new SqliteDatabase({ path, busyMs, synchronous });
  const clock = new SqliteClock(database, machine);
  const platform = createPorts();
  const changes = new SqliteChanges({
    database,
    pollMs: durationOf(options.poll, DEFAULT_POLL_MS),
    ports: {
      timers: options.ports?.timers ?? platform.timers,
      logger: options.ports?.logger ?? platform.logger,
    },
    read: (collection, key) => documents(collection).read(key),
    looked: () => clock.check(),
  });
  const documents = (collection: string): SqliteDocuments =>
    new SqliteDocuments({ collection, database, clock, changes });
  const admitted = {
    ledger: new SqliteLedger(database, clock),
    sessions: documents("sessions"),
    admissions: documents("admissions"),
  };
  const state: SqliteState = {
    ...admitted,
    controls: documents("controls"),
    ladders: documents("ladders"),
    approvals: documents("approvals"),
    versions: documents("versions"),
    admit: (admission) => {
      clock.check();
      return admitInFile({ database, ...admitted }, admission);
    },
    nowMs: () => clock.nowMs(),
    close() {
      changes.close();
      database.close();
    },
  };
  if (options.writes !== "grouped") return state;
  return groupedState(state, { database, clock, elapsedMs: () => machine.elapsedMs() });
}

function durationOf(text: string | undefined, otherwiseMs: number): number {
  return text === undefined ? otherwiseMs : (parseDurationMs(text) ?? otherwiseMs);
}

function checkOptions(options: SqliteStateOptions): void {
  const issues = unknownOptions(options, KNOWN);
  const { path, synchronous, writes, timeout, poll } = options;
  if (typeof path !== "string" || path === "")
    issues.push({
      path: "path",
      message: "is not a path",
      suggestion: 'give a file such as "agentplane.db"',
    });
  if (synchronous !== undefined && synchronous !== "normal" && synchronous !== "full") {
    const message = `"${String(synchronous)}" is not a choice`;
    issues.push({ path: "synchronous", message, suggestion: 'use "normal" or "full"' });
  }
  if (writes !== undefined && writes !== "each" && writes !== "grouped") {
    const message = `"${String(writes)}" is not a choice`;
    issues.push({ path: "writes", message, suggestion: 'use "each" or "grouped"' });
  }
  for (const [name, text] of Object.entries({ timeout, poll })) {
    if (text === undefined || parseDurationMs(text) !== undefined) continue;
    issues.push({ path: name, message: `"${text}" is not a duration`, suggestion: DURATION_HINT });
  }
  if (poll !== undefined && (parseDurationMs(poll) ?? 0) > MAX_POLL_MS)
    issues.push({
      path: "poll",
      message: `"${poll}" is too long`,
      suggestion: `use at most "${MAX_POLL_MS}ms"`,
    });
  if (issues.length > 0) throw new ConfigError("sqliteState", issues);
}
