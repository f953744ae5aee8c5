import type { MachineClock } from "./machine-clock.ts";
import type { SqliteDatabase, SqliteRow } from "./sqlite-database.ts";

/** How far two readings of when the machine started may differ and still be the same start. */
const SAME_BOOT_MS = 60_000;
/** A shorter difference between the two clocks of a machine is their coarseness, a longer one is sleep. */
const SLEEP_MS = 2_000;
/** How often sleep is looked for, and how old the latest time in the file may be. */
const CHECK_MS = 1_000;

/**
 * The time of a state file, the same for all processes that share it: anchored once on the wall clock per start of the
 * machine, then carried by the machine's monotonic clock. A wall clock that is changed, and a process that sees another
 * one, neither refill nor freeze a window; time in which the machine slept counts.
 */
export class SqliteClock {
  readonly #database: SqliteDatabase;
  readonly #machine: MachineClock;
  #anchorMs = 0;
  #latestMs = 0;
  #notedMs = 0;
  #checkedMs: number;
  #knownSuspendedMs = 0;

  /** @param machine The clock of this machine. */
  constructor(database: SqliteDatabase, machine: MachineClock) {
    this.#database = database;
    this.#machine = machine;
    database.write(() => this.#anchor());
    this.#checkedMs = machine.elapsedMs();
  }

  /** Epoch ms as the file counts them, never going back. */
  nowMs(): number {
    const elapsedMs = this.#machine.elapsedMs();
    const nowMs = Math.floor(this.#anchorMs + elapsedMs);
    if (nowMs > this.#latestMs) this.#latestMs = nowMs;
    return this.#latestMs;
  }

  /** Follows a sleep of the machine; call it now and then, outside of transactions. */
  check(): void {
    const elapsedMs = this.#machine.elapsedMs();
    if (elapsedMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = elapsedMs;
    if (this.#suspendedMs() - this.#knownSuspendedMs > SLEEP_MS)
      this.#database.write(() => this.#follow(this.#read()));
  }

  /** Notes the time now and then, within a transaction that writes: after a restart it must not go back. */
  note(): void {
    const nowMs = this.nowMs();
    if (nowMs - this.#notedMs < CHECK_MS) return;
    this.#notedMs = nowMs;
    this.#database.run("UPDATE clock SET latest_ms = max(latest_ms, ?)", nowMs);
  }

  #read(): SqliteRow | undefined {
    return this.#database.get("SELECT boot, anchor_ms, suspended_ms, latest_ms FROM clock");
  }

  #anchor(): void {
    const row = this.#read();
    if (row !== undefined && this.#isSameBoot(String(row["boot"]))) return this.#follow(row);
    // After a new start of the machine its wall clock may be behind: what was counted must not lie in the future.
    const nowMs = Math.max(this.#machine.wallMs(), Number(row?.["latest_ms"] ?? 0));
    this.#anchorMs = nowMs - this.#machine.elapsedMs();
    this.#knownSuspendedMs = this.#suspendedMs();
    this.#database.run(
      "INSERT OR REPLACE INTO clock (id, boot, anchor_ms, suspended_ms, latest_ms) VALUES (1, ?, ?, ?, ?)",
      this.#bootMark(),
      this.#anchorMs,
      this.#knownSuspendedMs,
      nowMs,
    );
  }

  #follow(row: SqliteRow | undefined): void {
    const known = Number(row?.["suspended_ms"]);
    const suspendedMs = this.#suspendedMs();
    const sleptMs = suspendedMs - known > SLEEP_MS ? suspendedMs - known : 0;
    this.#anchorMs = Number(row?.["anchor_ms"]) + sleptMs;
    this.#knownSuspendedMs = known + sleptMs;
    this.#database.run(
      "UPDATE clock SET anchor_ms = ?, suspended_ms = ?, latest_ms = max(latest_ms, ?)",
      this.#anchorMs,
      this.#knownSuspendedMs,
      this.nowMs(),
    );
  }

  #suspendedMs(): number {
    return this.#machine.uptimeMs() - this.#machine.elapsedMs();
  }

  #bootMark(): string {
    const { bootId } = this.#machine;
    return bootId ?? `started ${Math.round(this.#machine.wallMs() - this.#machine.uptimeMs())}`;
  }

  #isSameBoot(mark: string): boolean {
    const now = this.#bootMark();
    if (mark === now) return true;
    const [before, after] = [mark, now].map((text) => Number(/^started (\d+)$/.exec(text)?.[1]));
    return Math.abs(Number(before) - Number(after)) <= SAME_BOOT_MS;
  }
}
