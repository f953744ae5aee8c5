import type { Reservation, StoreAdmission, StoreAdmissionAnswer } from "../store/state-store.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import type { SqliteDocuments } from "./sqlite-documents.ts";
import type { SqliteLedger } from "./sqlite-ledger.ts";

/** What an admission in one transaction works on. */
export interface SqliteAdmitDeps {
  readonly database: SqliteDatabase;
  readonly ledger: SqliteLedger;
  readonly sessions: SqliteDocuments;
  readonly admissions: SqliteDocuments;
}

/** Undoes the transaction; never seen outside. */
class CalledOff extends Error {
  readonly reservation: Reservation | undefined;

  constructor(reservation: Reservation | undefined) {
    super("the admission was called off");
    this.reservation = reservation;
  }
}

/** Takes all limits of a call and writes its documents in one transaction, or does nothing of it. */
export function admitInFile(deps: SqliteAdmitDeps, admission: StoreAdmission): StoreAdmissionAnswer {
  try {
    // Watchers are told when it is done.
    for (const tell of deps.database.write(() => admitWithin(deps, admission))) tell();
    return { isAdmitted: true };
  } catch (error) {
    if (error instanceof CalledOff) return { isAdmitted: false, reservation: error.reservation };
    throw error;
  }
}

function admitWithin(
  { ledger, ...collections }: SqliteAdmitDeps,
  { reserve, changes }: StoreAdmission,
): readonly (() => void)[] {
  const told: (() => void)[] = [];
  for (const { collection, key, change, ttlMs } of changes) {
    const options = ttlMs === undefined ? undefined : { ttlMs };
    const updated = collections[collection].updateWithin<unknown>(key, change, options);
    if (!updated.isWritten) throw new CalledOff(undefined);
    told.push(...updated.told);
  }
  const reservation = reserve && ledger.reserveWithin(reserve);
  if (reservation !== undefined && reservation.breaches.length > 0) throw new CalledOff(reservation);
  return told;
}
