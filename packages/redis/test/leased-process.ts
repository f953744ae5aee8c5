import { AgentplaneError } from "@agentplane/core";

import { NotConnected } from "../src/connection/connection.ts";
import type { Keyspace } from "../src/connection/keyspace.ts";
import { LeaseExchanger } from "../src/lease/lease-exchange.ts";
import { LeasedLedger } from "../src/lease/leased-ledger.ts";
import type { LedgerCall, LedgerCaller } from "../src/ledger/ledger-caller.ts";
import { LEASE as LEASE_SCRIPT } from "../src/lua/ledger-scripts.ts";
import { RedisLedger } from "../src/ledger/redis-ledger.ts";
import type { HoldEnd } from "../src/ledger/unfinished-ends.ts";

/** What the network does with the next request; an exchange of leases may come late, when it was given up and told again. */
export type Fate = "arrives" | "is not sent" | "is lost" | "loses its answer" | "comes late";

/** A process that leases, whose time, timers and network are a test's. */
export interface LeasedProcess {
  readonly ledger: LeasedLedger;
  fate: Fate;
  /** What requests wait for before they are sent, and answers before they are heard. */
  way: (this: void) => Promise<unknown>;
  /** Lets what comes late arrive; nobody hears the answers. */
  deliver(): Promise<void>;
  /** Runs what timers would: leases are renewed, ends are told that were not. */
  tick(): Promise<void>;
}

/** How leases are taken in tests. */
export const LEASE = { ttlMs: 2_000, max: 30 } as const;

/** Starts one on a virtual ledger. */
export function startProcess(
  clientId: string,
  { caller, keyspace }: { readonly caller: LedgerCaller; readonly keyspace: Keyspace },
  elapsedMs: () => number,
): LeasedProcess {
  const timers = new Set<() => void>();
  const pending = new Map<string, Parameters<RedisLedger["end"]>>();
  const late: LedgerCall[] = [];
  const network: Pick<LedgerCaller, "call"> = {
    async call(call: LedgerCall) {
      await made.way();
      if (made.fate === "is not sent") throw new NotConnected("test");
      // Nothing else has a time within which that could matter.
      if (made.fate === "comes late" && call.script === LEASE_SCRIPT) late.push(call);
      if (made.fate === "comes late" || made.fate === "is lost")
        throw new AgentplaneError("state_failed", "it was lost on the way");
      const answer = await caller.call(call);
      await made.way();
      if (made.fate === "loses its answer") throw new AgentplaneError("state_failed", "the answer was lost");
      return answer;
    },
  };
  const unfinished = {
    add: (id: string, how: HoldEnd) => void pending.set(id, [id, how]),
    addLost: (id: string, by?: string) => void pending.set(by ?? id, [id, "release", by]),
    mayStillCome: () => false,
    forget: (id: string) => void pending.delete(id),
  };
  const beforeEnd = (): Promise<void> | undefined => exchanger.arrived();
  const remote = new RedisLedger({ caller: network, keyspace, unfinished, beforeEnd });
  const exchanger = new LeaseExchanger({
    caller: network,
    keyspace,
    clientId,
    elapsedMs,
    ttlMs: LEASE.ttlMs,
  });
  const set = (run: () => void): (() => void) => {
    timers.add(run);
    return () => timers.delete(run);
  };
  const ledger = new LeasedLedger({ remote, exchanger, timers: { set }, elapsedMs, ...LEASE });
  const made: LeasedProcess = {
    ledger,
    fate: "arrives",
    way: () => Promise.resolve(),
    async deliver() {
      await Promise.all(late.splice(0).map(async (call) => caller.call(call)));
    },
    async tick() {
      for (const run of Array.from(timers)) {
        timers.delete(run);
        run();
      }
      await Promise.all(
        Array.from(pending, async ([name, end]) => {
          await remote.end(...end);
          pending.delete(name);
        }),
      ).catch(() => undefined);
      // A timer's work is its own promise: it is done when the next timer is set.
      // oxlint-disable-next-line no-await-in-loop -- it waits
      while (timers.size === 0) await new Promise((resolve) => setImmediate(resolve));
    },
  };
  return made;
}
