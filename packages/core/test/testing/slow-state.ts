import { setImmediate as nextTurn } from "node:timers/promises";

import { memoryState } from "../../src/store/memory-state.ts";
import type { StateStore } from "../../src/store/state-store.ts";

/** State in memory behind a wire: every answer is a promise that others overtake. */
export function createSlowState(): StateStore {
  const { ledger, controls, ladders, approvals, sessions, admissions, versions, close } = memoryState();
  return {
    ledger: slowed(ledger),
    controls: slowed(controls),
    ladders: slowed(ladders),
    approvals: slowed(approvals),
    sessions: slowed(sessions),
    admissions: slowed(admissions),
    versions: slowed(versions),
    close,
  };
}

function slowed<T extends object>(store: T): T {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      // Plugs and modes are read once when a plane starts; these planes start with none.
      if (name === "watch" || name === "list") return member.bind(target);
      return async (...args: readonly unknown[]): Promise<unknown> => {
        await nextTurn();
        const answer: unknown = Reflect.apply(member, target, args);
        await nextTurn();
        return answer;
      };
    },
  });
}
