import { AgentplaneError } from "../base/errors.ts";
import { Hold, type HeldItem } from "../store/hold.ts";
import { LedgerTables } from "../store/ledger-tables.ts";
import { LimitCell, type SavedCell } from "../store/limit-cell.ts";
import type { Reservation } from "../store/state-store.ts";
import type { SqliteDatabase, SqliteRow } from "./sqlite-database.ts";
import { fromStoredKey, toStoredKey } from "./sqlite-keys.ts";

/** What an operation concerns. */
export interface Concern {
  readonly keys: readonly string[];
  readonly holdIds: readonly string[];
}

/** A held item as the file keeps it: the account by its key. */
type SavedItem = readonly [
  key: string,
  amount: number,
  atMs: number,
  isEvent: boolean,
  expired: HeldItem["expired"],
  epoch: number,
];

/** So many accounts that may have become idle are looked at when a new one is opened. */
const IDLE_CHECKS = 4;

/**
 * The accounts and holds that one operation concerns, read from the file and written back within one transaction:
 * the arithmetic in between is that of the ledger in memory.
 */
export class SqliteWorkingSet {
  readonly tables = new LedgerTables(Number.MAX_SAFE_INTEGER);
  readonly #database: SqliteDatabase;
  readonly #concern: Concern;
  readonly #nowMs: number;
  /** As they were read; an account that did not change is not written. */
  readonly #accounts = new Map<string, string>();
  readonly #holds = new Map<string, { readonly dueMs: number; readonly expiredAtMs: number | undefined }>();

  /** Reads what an operation concerns, and every hold whose time is up. */
  constructor(database: SqliteDatabase, concern: Concern, nowMs: number) {
    this.#database = database;
    this.#concern = concern;
    this.#nowMs = nowMs;
    for (const row of database.all("SELECT * FROM hold WHERE due_ms <= ?", nowMs)) this.#readHold(row);
    const { holdIds, keys } = concern;
    for (const holdId of holdIds) {
      if (this.#holds.has(holdId)) continue;
      const row = database.get("SELECT * FROM hold WHERE id = ?", toStoredKey(holdId));
      if (row !== undefined) this.#readHold(row);
    }
    for (const key of keys) this.#readAccount(key);
  }

  /** Writes back what has changed. */
  save(): void {
    const known = this.#accounts.size;
    for (const cell of this.tables.cells.all()) this.#saveAccount(cell);
    for (const key of this.#accounts.keys()) if (this.tables.cells.find(key) === undefined) this.#forget(key);
    for (const id of this.#holds.keys()) this.#saveHold(id);
    for (const id of this.#concern.holdIds) if (!this.#holds.has(id)) this.#saveHold(id);
    if (this.#accounts.size > known) this.#forgetIdle();
  }

  #readAccount(key: string): LimitCell | undefined {
    const found = this.tables.cells.find(key);
    if (found !== undefined) return found;
    const row = this.#database.get(
      "SELECT account, due_ms FROM limit_account WHERE key = ?",
      toStoredKey(key),
    );
    if (row === undefined) return undefined;
    const text = String(row["account"]);
    const cell = LimitCell.restore(key, parseAccount(text), dueOf(row));
    this.#accounts.set(key, text);
    this.tables.cells.add(cell);
    return cell;
  }

  #readHold(row: SqliteRow): void {
    const id = fromStoredKey(row["id"]);
    // Written by `#saveHold` alone.
    const items = JSON.parse(String(row["items"])) as readonly SavedItem[];
    const answer = JSON.parse(String(row["answer"])) as Reservation;
    const held = items.map(([key, amount, atMs, isEvent, expired, epoch]): HeldItem => {
      const cell = this.#readAccount(key);
      if (cell === undefined) throw lostAccount(this.#database.path);
      return { cell, amount, atMs, isEvent, expired, epoch };
    });
    const hold = new Hold(id, held, answer);
    hold.dueMs = Number(row["due_ms"]);
    if (row["expired_at_ms"] !== null) hold.expiredAtMs = Number(row["expired_at_ms"]);
    this.#holds.set(id, { dueMs: hold.dueMs, expiredAtMs: hold.expiredAtMs });
    this.tables.add(hold);
  }

  #saveAccount(cell: LimitCell): void {
    if (cell.isIdle(this.#nowMs)) return this.#forget(cell.key);
    const text = JSON.stringify(cell.save());
    if (this.#accounts.get(cell.key) === text) return;
    this.#accounts.set(cell.key, text);
    const dueMs = cell.nextCheckMs(this.#nowMs);
    this.#database.run(
      "INSERT OR REPLACE INTO limit_account (key, account, due_ms) VALUES (?, ?, ?)",
      toStoredKey(cell.key),
      text,
      dueMs === Infinity ? null : dueMs,
    );
  }

  #forget(key: string): void {
    if (this.#accounts.has(key))
      this.#database.run("DELETE FROM limit_account WHERE key = ?", toStoredKey(key));
  }

  /** A new account makes room for itself, so that many subjects leave nothing behind. */
  #forgetIdle(): void {
    const sql = "SELECT key, account, due_ms FROM limit_account WHERE due_ms <= ? ORDER BY due_ms LIMIT ?";
    for (const row of this.#database.all(sql, this.#nowMs, IDLE_CHECKS)) {
      const stored = String(row["key"]);
      const cell = LimitCell.restore(fromStoredKey(stored), parseAccount(String(row["account"])), dueOf(row));
      if (cell.isIdle(this.#nowMs)) this.#database.run("DELETE FROM limit_account WHERE key = ?", stored);
      else {
        const dueMs = cell.nextCheckMs(this.#nowMs);
        const nextMs = dueMs === Infinity ? null : dueMs;
        this.#database.run("UPDATE limit_account SET due_ms = ? WHERE key = ?", nextMs, stored);
      }
    }
  }

  #saveHold(id: string): void {
    const hold = this.tables.holds.get(id);
    if (hold === undefined) {
      if (this.#holds.has(id)) this.#database.run("DELETE FROM hold WHERE id = ?", toStoredKey(id));
      return;
    }
    const known = this.#holds.get(id);
    const isTaken = this.#concern.holdIds.includes(id);
    if (!isTaken && known?.dueMs === hold.dueMs && known.expiredAtMs === hold.expiredAtMs) return;
    const items = hold.items.map(({ cell, amount, atMs, isEvent, expired, epoch }): SavedItem => [
      cell.key,
      amount,
      atMs,
      isEvent,
      expired,
      epoch,
    ]);
    this.#database.run(
      "INSERT OR REPLACE INTO hold (id, items, answer, due_ms, expired_at_ms) VALUES (?, ?, ?, ?, ?)",
      toStoredKey(id),
      JSON.stringify(items),
      JSON.stringify(hold.answer),
      hold.dueMs,
      hold.expiredAtMs ?? null,
    );
  }
}

function parseAccount(text: string): SavedCell {
  // Written by `#saveAccount` alone.
  return JSON.parse(text) as SavedCell;
}

function dueOf(row: SqliteRow): number {
  return row["due_ms"] === null ? Infinity : Number(row["due_ms"]);
}

function lostAccount(path: string): AgentplaneError {
  return new AgentplaneError(
    "state_failed",
    `the state file ${path} has a hold on a limit that it does not know`,
    {
      data: { path, reason: "corrupt" },
    },
  );
}
