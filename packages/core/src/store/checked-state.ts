import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { AbandonedReservations } from "./abandoned-reservations.ts";
import type { DocumentStore, LedgerStore, StateStore, StoreAdmissionAnswer } from "./state-store.ts";
import { timely, type StateDeadline } from "./timely.ts";

/**
 * The same store, whose failures carry the code `state_failed` whatever its driver throws, and which fails when it does
 * not answer in time: `onStateError` decides about those and about nothing else. Stays synchronous where the store is.
 * @param state A store of the application's choice.
 * @param deadline How long it may take.
 */
export function checkedState(state: StateStore, deadline: StateDeadline): StateStore {
  const documents = (store: DocumentStore): DocumentStore => checkedDocuments(store, deadline);
  const reservations = new AbandonedReservations(state.ledger);
  return {
    ledger: checkedLedger(state.ledger, reservations, deadline),
    controls: documents(state.controls),
    ladders: documents(state.ladders),
    approvals: documents(state.approvals),
    sessions: documents(state.sessions),
    admissions: documents(state.admissions),
    versions: documents(state.versions),
    ...(state.admit !== undefined && {
      admit: checkedAdmit(state.admit.bind(state), reservations, deadline),
    }),
    ...(state.nowMs !== undefined && { nowMs: () => state.nowMs?.() }),
    close: () => state.close(),
  };
}

function checkedAdmit(
  admit: NonNullable<StateStore["admit"]>,
  reservations: AbandonedReservations,
  deadline: StateDeadline,
): NonNullable<StateStore["admit"]> {
  const inTime = <T>(answer: MaybePromise<T>): MaybePromise<T> => timely(answer, "admit", deadline);
  return (admission) =>
    failing("admit", () => {
      const ask = (): MaybePromise<StoreAdmissionAnswer> => admit(admission);
      const { reserve } = admission;
      if (reserve === undefined) return inTime(ask());
      return reservations.take(reserve.id, { ask, mayHold: ({ isAdmitted }) => isAdmitted, inTime });
    });
}

function checkedLedger(
  ledger: LedgerStore,
  reservations: AbandonedReservations,
  deadline: StateDeadline,
): LedgerStore {
  const check = checking(deadline);
  return {
    reserve: (request) =>
      failing("reserve", () =>
        reservations.take(request.id, {
          ask: () => ledger.reserve(request),
          mayHold: ({ isGranted }) => isGranted,
          inTime: (answer) => timely(answer, "reserve", deadline),
        }),
      ),
    probe: (request) => check("probe", () => ledger.probe(request)),
    settle: (id, actuals) => check("settle", () => ledger.settle(id, actuals)),
    release: (id) => check("release", () => ledger.release(id)),
    renew: (id, ttlMs) => check("renew", () => ledger.renew(id, ttlMs)),
    read: (spec) => check("read", () => ledger.read(spec)),
    grant: (spec, amount) => check("grant", () => ledger.grant(spec, amount)),
    reset: (key) => check("reset", () => ledger.reset(key)),
  };
}

function checkedDocuments(documents: DocumentStore, deadline: StateDeadline): DocumentStore {
  const check = checking(deadline);
  return {
    isSerialised: documents.isSerialised === true,
    read: <T>(key: string) => check("read", () => documents.read<T>(key)),
    recent: (key) => documents.recent?.(key),
    update: <T>(...given: Parameters<typeof documents.update<T>>) =>
      check("update", () => documents.update<T>(...given)),
    list: <T>(prefix: string) => check("list", () => documents.list<T>(prefix)),
    watch: (prefix, watcher) => documents.watch(prefix, watcher),
  };
}

function checking(
  deadline: StateDeadline,
): <T>(operation: string, work: () => MaybePromise<T>) => MaybePromise<T> {
  return (operation, work) => failing(operation, () => timely(work(), operation, deadline));
}

function failing<T>(operation: string, work: () => MaybePromise<T>): MaybePromise<T> {
  const fail = (cause: unknown): never => {
    // What a change function refuses is an answer of ours, not a failure of the store.
    if (cause instanceof AgentplaneError) throw cause;
    throw new AgentplaneError("state_failed", `the state store failed on "${operation}"`, { cause });
  };
  try {
    const done = work();
    return isThenable(done) ? done.catch(fail) : done;
  } catch (error) {
    return fail(error);
  }
}
