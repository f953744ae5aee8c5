import { sqliteState, type SqliteState } from "../../src/node/sqlite-state.ts";

/** @param options What `sqliteState` takes. */
export function openState(options: Parameters<typeof sqliteState>[0]): SqliteState {
  return sqliteState(options);
}
