import { DatabaseSync } from "node:sqlite";

import { toStoredKey } from "../../src/node/sqlite-keys.ts";
import { sqliteState, type SqliteState } from "../../src/node/sqlite-state.ts";

type Options = Parameters<typeof sqliteState>[0];

/** @param options What `sqliteState` takes. */
export function openState(options: Options): SqliteState {
  return sqliteState(options);
}

/** With every write of an account. */
export async function watchPeak({ path }: Options): Promise<void> {
  const database = new DatabaseSync(path);
  const sum = "json_extract(new.account, '$.held') + json_extract(new.account, '$.window.total')";
  const noted = `INSERT INTO storm_peak VALUES (new.key, ${sum})
    ON CONFLICT (key) DO UPDATE SET peak = max(peak, excluded.peak)`;
  database.exec(`CREATE TABLE IF NOT EXISTS storm_peak (key TEXT PRIMARY KEY, peak INTEGER) STRICT;
    CREATE TRIGGER IF NOT EXISTS storm_peak_made AFTER INSERT ON limit_account BEGIN ${noted}; END;
    CREATE TRIGGER IF NOT EXISTS storm_peak_changed AFTER UPDATE ON limit_account BEGIN ${noted}; END`);
  database.close();
}

/** @param key Of the limit. */
export async function peakOf({ path }: Options, key: string): Promise<number> {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare("SELECT peak FROM storm_peak WHERE key = ?").get(toStoredKey(key));
  database.close();
  return Number(row?.["peak"] ?? 0);
}
