import { randomUUID } from "node:crypto";

import type { StateStore, StoreAdmission, StoreAdmissionAnswer } from "@agentplane/core";
import { GroupedWrites } from "@agentplane/core/store";

import { beforeExit } from "./connection/before-exit.ts";
import { ChangeFeed } from "./documents/change-feed.ts";
import { checkServer } from "./connection/check-server.ts";
import { Connection } from "./connection/connection.ts";
import { Keyspace } from "./connection/keyspace.ts";
import { LeaseExchanger } from "./lease/lease-exchange.ts";
import { LeasedLedger } from "./lease/leased-ledger.ts";
import { LedgerCaller } from "./ledger/ledger-caller.ts";
import { openClient } from "./connection/open-client.ts";
import { platformPorts, type RedisPorts } from "./connection/platform-ports.ts";
import { admitLeased } from "./lease/admit-leased.ts";
import { admitOnServer } from "./documents/redis-admit.ts";
import { RedisDocuments, type RedisDocumentsDeps } from "./documents/redis-documents.ts";
import { RedisLedger } from "./ledger/redis-ledger.ts";
import { readOptions, type RedisStateOptions, type RedisStateSettings } from "./redis-state-options.ts";
import { createGroupSender } from "./documents/send-group.ts";
import { ServerClock } from "./connection/server-clock.ts";
import { UnfinishedEnds } from "./ledger/unfinished-ends.ts";

/** How many groups of calls may be under way at once; beyond it they go together. */
const LANES = 4;

/** State shared by all processes that use the same server and namespace. */
export interface RedisState extends StateStore {
  /**
   * Settles when the server was reached and every change from then on is heard. Not needed before use: a first command
   * waits for the first connection by itself.
   * @throws AgentplaneError `state_failed` when the server cannot be reached
   */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Everything that must be remembered, on Redis or Valkey: shared by many processes, by the server's clock, each
 * operation on limits in one round trip.
 * @param options A client or a URL; everything else has a default.
 * @throws ConfigError (`config_invalid`) naming every option that would do nothing
 * @example const plane = createAgentPlane({ state: redisState({ url: "redis://127.0.0.1:6379" }) });
 */
export function redisState(options: RedisStateOptions): RedisState {
  const settings = readOptions(options);
  const ports = platformPorts(options.ports);
  // One of them is there: the options were checked.
  const source = options.client ?? options.url ?? "";
  const keyspace = new Keyspace(settings.namespace);
  const connect = (purpose: string): Connection =>
    new Connection({
      client: openClient(source, settings.timeoutMs),
      purpose,
      logger: ports.logger,
      timeoutMs: settings.timeoutMs,
    });
  const connection = connect("state");
  const following = connect("changes");
  const clock = new ServerClock(ports.clock);
  const caller = new LedgerCaller({ connection, keyspace, clock, ...settings });
  const { timeoutMs, heartbeatMs } = settings;
  const unfinished = new UnfinishedEnds({ end: (...end) => ledger.end(...end), timeoutMs, ...ports });
  const beforeEnd = (): Promise<void> | undefined => leased?.arrived();
  const ledger = new RedisLedger({ caller, keyspace, unfinished, beforeEnd });
  const sender = createGroupSender({ connection, ledger });
  const writes = new GroupedWrites({
    sender,
    lanes: LANES,
    timeoutMs,
    nowMs: () => ports.clock.elapsedMs(),
  });
  const documents = createCollections({ connection, keyspace, writes, heartbeatMs, ...ports });
  const feed = new ChangeFeed(
    { connection: following, keyspace, heartbeatMs, ...ports, clock },
    Object.values(documents).map(({ changes }) => changes),
  );
  const leased = settings.lease && createLeased(settings.lease, { remote: ledger, caller, keyspace, ports });
  const stay = leased && beforeExit(() => leased.leave());
  const checked = checkServer(connection, ports.logger);
  // Told by `ready`; a plane that does not ask has the connection's own messages.
  checked.catch(() => undefined);
  const admitWhole = (admission: StoreAdmission): Promise<StoreAdmissionAnswer> =>
    admitOnServer({ writes, keyspace, ...documents }, admission);
  return {
    ledger: leased ?? ledger,
    ...documents,
    admit: (admission) =>
      leased === undefined ? admitWhole(admission) : admitLeased(leased, admission, admitWhole),
    nowMs: () => clock.toldMs(),
    async ready() {
      await checked;
      await feed.subscribed;
    },
    async close() {
      await leased?.close();
      stay?.();
      await unfinished.flush();
      const lost = unfinished.close();
      if (lost > 0)
        ports.logger.warn("closed while Redis was away: holds of ended calls expire instead", {
          holds: lost,
        });
      feed.close();
      for (const { changes } of Object.values(documents)) changes.close();
      connection.close();
      following.close();
    },
  };
}

function createLeased(
  { max, ttlMs }: NonNullable<RedisStateSettings["lease"]>,
  deps: { remote: RedisLedger; caller: LedgerCaller; keyspace: Keyspace; ports: RedisPorts },
): LeasedLedger {
  const { remote, caller, keyspace, ports } = deps;
  const elapsedMs = (): number => ports.clock.elapsedMs();
  const clientId = randomUUID();
  const exchanger = new LeaseExchanger({ caller, keyspace, ttlMs, clientId, elapsedMs });
  return new LeasedLedger({ remote, exchanger, timers: ports.timers, ttlMs, max, elapsedMs });
}

type Collection = "controls" | "ladders" | "approvals" | "sessions" | "admissions" | "versions";

function createCollections(
  deps: Omit<RedisDocumentsDeps, "collection">,
): Readonly<Record<Collection, RedisDocuments>> {
  const create = (collection: Collection): RedisDocuments => new RedisDocuments({ ...deps, collection });
  return {
    controls: create("controls"),
    ladders: create("ladders"),
    approvals: create("approvals"),
    sessions: create("sessions"),
    admissions: create("admissions"),
    versions: create("versions"),
  };
}
