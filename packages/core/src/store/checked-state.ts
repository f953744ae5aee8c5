import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { DocumentStore, LedgerStore, StateStore } from "./state-store.ts";

/**
 * The same store, whose failures carry the code `state_failed` whatever its driver throws: `onStateError` decides about
 * those and about nothing else. Stays synchronous where the store is.
 * @param state A store of the application's choice.
 */
export function checkedState(state: StateStore): StateStore {
  return {
    ledger: checkedLedger(state.ledger),
    controls: checkedDocuments(state.controls),
    ladders: checkedDocuments(state.ladders),
    approvals: checkedDocuments(state.approvals),
    sessions: checkedDocuments(state.sessions),
    admissions: checkedDocuments(state.admissions),
    close: () => state.close(),
  };
}

function checkedLedger(ledger: LedgerStore): LedgerStore {
  return {
    reserve: (request) => checked("reserve", () => ledger.reserve(request)),
    probe: (request) => checked("probe", () => ledger.probe(request)),
    settle: (id, actuals) => checked("settle", () => ledger.settle(id, actuals)),
    release: (id) => checked("release", () => ledger.release(id)),
    renew: (id, ttlMs) => checked("renew", () => ledger.renew(id, ttlMs)),
    read: (spec) => checked("read", () => ledger.read(spec)),
    grant: (spec, amount) => checked("grant", () => ledger.grant(spec, amount)),
    reset: (key) => checked("reset", () => ledger.reset(key)),
  };
}

function checkedDocuments(documents: DocumentStore): DocumentStore {
  return {
    read: <T>(key: string) => checked("read", () => documents.read<T>(key)),
    update: <T>(...given: Parameters<typeof documents.update<T>>) =>
      checked("update", () => documents.update<T>(...given)),
    list: <T>(prefix: string) => checked("list", () => documents.list<T>(prefix)),
    watch: (prefix, changed) => documents.watch(prefix, changed),
  };
}

function checked<T>(operation: string, work: () => MaybePromise<T>): MaybePromise<T> {
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
