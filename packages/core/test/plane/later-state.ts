import { setImmediate } from "node:timers/promises";

import type { DocumentStore, LedgerStore, StateStore, StoreAdmission } from "../../src/store/state-store.ts";

/** The same store, answering everything later, as one across a network does. */
export function laterState(state: StateStore): StateStore {
  return {
    ledger: later(state.ledger),
    controls: later(state.controls),
    ladders: later(state.ladders),
    approvals: later(state.approvals),
    sessions: later(state.sessions),
    admissions: later(state.admissions),
    versions: later(state.versions),
    ...(state.admit !== undefined && {
      admit: async (admission: StoreAdmission) => {
        await setImmediate();
        return state.admit!(admission);
      },
    }),
    close: () => state.close(),
  };
}

function later<T extends LedgerStore | DocumentStore>(store: T): T {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      // A subscription is one call and no answer, a guess asks nobody.
      if (name === "watch" || name === "recent") return member.bind(target) as unknown;
      return async (...args: unknown[]): Promise<unknown> => {
        await setImmediate();
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}
