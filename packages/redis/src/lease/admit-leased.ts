import type { ReserveRequest, StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";
import { checkRequest } from "@agentplane/core/store";

import type { LeasedLedger } from "./leased-ledger.ts";

type AdmitWhole = (admission: StoreAdmission) => Promise<StoreAdmissionAnswer>;

/** Room may be taken by calls that waited for it too; then it is tried again, this often. */
const MAX_ROUNDS = 3;

/**
 * Admits a call whose limits may be leased: those are taken from the lease, without asking, and only the documents are
 * written. What is taken is given back where nothing is written, or nobody knows whether it was. No call is refused by
 * what this process has leased and not used.
 * @param admitWhole Admits without leases.
 */
export async function admitLeased(
  leased: LeasedLedger,
  admission: StoreAdmission,
  admitWhole: AdmitWhole,
): Promise<StoreAdmissionAnswer> {
  const { reserve } = admission;
  if (reserve === undefined) return admitWhole(admission);
  checkRequest(reserve);
  return leased.undecided.inTurn(reserve.id, async () => admitInRounds(leased, admission, admitWhole));
}

async function admitInRounds(
  leased: LeasedLedger,
  admission: StoreAdmission,
  admitWhole: AdmitWhole,
): Promise<StoreAdmissionAnswer> {
  for (let round = 1; ; round++) {
    // oxlint-disable-next-line no-await-in-loop -- each round finds the room that the one before has made
    const answer = await admitOnce(leased, admission, admitWhole);
    if (answer.isAdmitted || answer.reservation === undefined || round === MAX_ROUNDS) return answer;
    const refusing = answer.reservation.breaches.flatMap(
      ({ index }) => admission.reserve?.items[index] ?? [],
    );
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (!(await leased.makeRoom(refusing))) return answer;
  }
}

async function admitOnce(
  leased: LeasedLedger,
  admission: StoreAdmission,
  admitWhole: AdmitWhole,
): Promise<StoreAdmissionAnswer> {
  const { reserve, changes } = admission;
  // What a call of this id holds already stays as it is where it is not admitted: only the server can judge so.
  if (reserve === undefined || (await leased.moved.moveOut(reserve.id)) || !leased.mayLease(reserve))
    return admitWhole(admission);
  const write = (): Promise<StoreAdmissionAnswer> => admitWhole({ reserve: undefined, changes });
  return leased.undecided.add(reserve.items, takeAndWrite(leased, reserve, write));
}

async function takeAndWrite(
  leased: LeasedLedger,
  reserve: ReserveRequest,
  write: () => Promise<StoreAdmissionAnswer>,
): Promise<StoreAdmissionAnswer> {
  const reservation = await leased.reserve(reserve);
  if (!reservation.isGranted) return { isAdmitted: false, reservation };
  let isAdmitted = false;
  try {
    const answer = await write();
    ({ isAdmitted } = answer);
    return answer;
  } finally {
    if (!isAdmitted) await leased.release(reserve.id);
  }
}
