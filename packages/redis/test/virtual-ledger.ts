import { Redis } from "ioredis";

import { Connection } from "../src/connection/connection.ts";
import { Keyspace } from "../src/connection/keyspace.ts";
import { LedgerCaller } from "../src/ledger/ledger-caller.ts";
import { RedisLedger } from "../src/ledger/redis-ledger.ts";
import { ServerClock } from "../src/connection/server-clock.ts";
import { REDIS_URL } from "./redis-url.ts";
import { timed } from "./told-time.ts";

/** A ledger on the real server whose scripts are told the time, so that years pass in a test. */
export interface VirtualLedger {
  readonly client: Redis;
  /** Another namespace: an empty ledger. */
  restart(): RedisLedger;
  /** What a ledger with leases is made of too, for the namespace of the last restart. */
  readonly parts: { readonly caller: LedgerCaller; readonly keyspace: Keyspace };
  close(): Promise<void>;
}

/**
 * Opens one: the scripts run on the server as they are, but for its answer to TIME.
 * @param nowMs Must be ahead of the server's clock: keys expire by that one.
 */
export function openVirtualLedger(namespace: string, nowMs: () => number): VirtualLedger {
  const client = new Redis(REDIS_URL);
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  let count = 0;
  const connection = new Connection({
    client: timed(client.duplicate(), nowMs),
    purpose: "test",
    logger,
    timeoutMs: 5_000,
  });
  const create = (): VirtualLedger["parts"] => {
    const keyspace = new Keyspace(`${namespace}:${count++}`);
    const clock = new ServerClock({ wallMs: nowMs, elapsedMs: nowMs });
    const caller = new LedgerCaller({
      connection,
      keyspace,
      clock,
      timeoutMs: 5_000,
      lifetimeMs: 86_400_000,
    });
    return { caller, keyspace };
  };
  let parts = create();
  return {
    get parts() {
      return parts;
    },
    client,
    restart() {
      parts = create();
      return new RedisLedger({ ...parts, unfinished: NEVER });
    },
    async close() {
      connection.close();
      await client.quit();
    },
  };
}

/** No answer is lost here. */
const NEVER = {
  add: () => undefined,
  addLost: () => undefined,
  mayStillCome: () => false,
  forget: () => undefined,
};
