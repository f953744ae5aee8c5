import type { StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";

import type { LeasedLedger } from "./leased-ledger.ts";

/**
 * Admits a call whose limits may be leased: those are taken from the lease, without asking, and only the documents are
 * written. What is taken is given back where nothing is written, or nobody knows whether it was.
 * @param admitWhole Admits without leases.
 */
export async function admitLeased(
  leased: LeasedLedger,
  admission: StoreAdmission,
  admitWhole: (admission: StoreAdmission) => Promise<StoreAdmissionAnswer>,
): Promise<StoreAdmissionAnswer> {
  const { reserve, changes } = admission;
  if (reserve === undefined || !leased.mayLease(reserve)) return admitWhole(admission);
  const reservation = await leased.reserve(reserve);
  if (!reservation.isGranted) return { isAdmitted: false, reservation };
  let isAdmitted = false;
  try {
    const answer = await admitWhole({ reserve: undefined, changes });
    ({ isAdmitted } = answer);
    return answer;
  } finally {
    if (!isAdmitted) await leased.release(reserve.id);
  }
}
