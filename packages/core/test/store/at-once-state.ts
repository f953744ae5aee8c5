import type {
  DocumentStore,
  StateStore,
  StoreAdmission,
  StoreAdmissionAnswer,
} from "../../src/store/state-store.ts";
import type { MemoryState } from "../../src/store/memory-state.ts";

/** State in memory that admits in one step, as a store across a network does; every answer is a value. */
export function atOnceState(memory: MemoryState): StateStore {
  const readable = (documents: MemoryState["sessions"]): DocumentStore => ({
    read: (key) => documents.read(key),
    recent: (key) => documents.read(key),
    update: (key, change, options) => documents.update(key, change, options),
    list: (prefix) => documents.list(prefix),
    watch: (prefix, watcher) => documents.watch(prefix, watcher),
  });
  return {
    ...memory,
    sessions: readable(memory.sessions),
    admissions: readable(memory.admissions),
    admit: (admission) => admitIn(memory, admission),
  };
}

/** Nothing comes in between: what is asked first is still so when it is done. */
function admitIn(memory: MemoryState, { reserve, changes }: StoreAdmission): StoreAdmissionAnswer {
  const written = changes.map(({ collection, key, change }) => {
    const old = memory[collection].read(key);
    const next = change(old);
    return { isCalledOff: next === old, next };
  });
  if (written.some(({ isCalledOff }) => isCalledOff)) return { isAdmitted: false, reservation: undefined };
  const reservation = reserve && memory.ledger.probe(reserve);
  if (reservation !== undefined && reservation.breaches.length > 0) return { isAdmitted: false, reservation };
  if (reserve !== undefined) memory.ledger.reserve(reserve);
  for (const [at, { collection, key, ttlMs }] of changes.entries())
    memory[collection].update(key, () => written[at]?.next, ttlMs === undefined ? {} : { ttlMs });
  return { isAdmitted: true };
}
