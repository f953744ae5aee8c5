import { checkRequest } from "../store/check-request.ts";
import type { DocumentChange } from "../store/group-sender.ts";
import { GroupedWrites } from "../store/grouped-writes.ts";
import type { StateStore } from "../store/state-store.ts";
import type { SqliteClock } from "./sqlite-clock.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import type { SqliteDocuments } from "./sqlite-documents.ts";
import { SqliteGroupedDocuments } from "./sqlite-grouped-documents.ts";
import { SqliteGroupedLedger } from "./sqlite-grouped-ledger.ts";
import type { SqliteLedger } from "./sqlite-ledger.ts";
import { createGroupSender } from "./sqlite-send-group.ts";

/** What is grouped: a state in a file. */
interface EachState extends StateStore {
  readonly ledger: SqliteLedger;
  readonly sessions: SqliteDocuments;
  readonly admissions: SqliteDocuments;
}

/** What grouping adds to a state. */
export interface GroupedStateDeps {
  readonly database: SqliteDatabase;
  readonly clock: SqliteClock;
  /** Monotonic time in ms. */
  elapsedMs(): number;
}

/** As the other stores: by then a call was answered without it. */
const TIMEOUT_MS = 5_000;

/** The same state, whose writes share transactions where they come at once; what waits for one is a promise. */
export function groupedState(inner: EachState, { elapsedMs, ...deps }: GroupedStateDeps): StateStore {
  const sender = createGroupSender({ ...deps, ledger: inner.ledger });
  // A file has one writer at a time.
  const writes = new GroupedWrites<SqliteGroupedDocuments>({
    sender,
    lanes: 1,
    timeoutMs: TIMEOUT_MS,
    nowMs: elapsedMs,
  });
  const grouped = (collection: "sessions" | "admissions"): SqliteGroupedDocuments =>
    new SqliteGroupedDocuments(collection, inner[collection], writes);
  const admitted = { sessions: grouped("sessions"), admissions: grouped("admissions") };
  return {
    ...inner,
    ...admitted,
    ledger: new SqliteGroupedLedger(inner.ledger),
    async admit({ reserve, changes }) {
      if (reserve !== undefined) checkRequest(reserve);
      const changing = changes.map(
        ({ collection, key, change, ttlMs }): DocumentChange<SqliteGroupedDocuments> => ({
          documents: admitted[collection],
          key,
          change,
          ttlMs,
        }),
      );
      return writes.admit(reserve, changing);
    },
  };
}
