import { AgentplaneError } from "../base/errors.ts";
import type { GroupAnswer, GroupSender, Verdict, WriteGroup } from "../store/group-sender.ts";
import type { MemoryLedger } from "../store/memory-ledger.ts";
import type { Reservation, ReserveRequest } from "../store/state-store.ts";
import type { SqliteClock } from "./sqlite-clock.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import type { SqliteGroupedDocuments } from "./sqlite-grouped-documents.ts";
import { concernOf, joined, type SqliteLedger } from "./sqlite-ledger.ts";

/** What sending a group needs. */
export interface SendGroupDeps {
  readonly database: SqliteDatabase;
  readonly ledger: SqliteLedger;
  readonly clock: SqliteClock;
}

type Group = WriteGroup<SqliteGroupedDocuments>;

/** Undoes the transaction; never seen outside. */
class Undone extends Error {
  readonly answer: GroupAnswer;

  constructor(answer: GroupAnswer) {
    super("the group was not written");
    this.answer = answer;
  }
}

/** Does what calls take and write at once in one transaction; between two of them the event loop has its turn. */
export function createGroupSender(deps: SendGroupDeps): GroupSender<SqliteGroupedDocuments> {
  return {
    async send(group) {
      await nextTurn();
      deps.clock.check();
      return sendNow(deps, group);
    },
    isOfOne: (error) => error instanceof AgentplaneError && error.code === "usage_invalid",
  };
}

/** Whatever else waits for the event loop comes first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function sendNow({ database, ledger }: SendGroupDeps, group: Group): Promise<GroupAnswer> {
  const told: (() => void)[] = [];
  try {
    const answer = await database.writeInTurn((): GroupAnswer => {
      compareAll(group);
      const probed = takeAll(ledger, group);
      for (const { documents, key, value, ttlMs } of group.writes)
        told.push(...documents.inner.putWithin(key, value, ttlMs === undefined ? {} : { ttlMs }));
      const versions = group.writes.map(({ documents, key }) => documents.inner.stored(key).version);
      return { kind: "done", versions, probed };
    });
    // Watchers are told when it is done.
    for (const tell of told) tell();
    return answer;
  } catch (error) {
    if (error instanceof Undone) return error.answer;
    throw error;
  }
}

/** Other processes write between what was seen and now. */
function compareAll({ writes }: Group): void {
  const there = writes.map(({ documents, key, version }) => {
    const stored = documents.inner.stored(key);
    return stored.version === version ? undefined : stored;
  });
  if (there.some((one) => one !== undefined)) throw new Undone({ kind: "moved", there });
}

/** @returns What the probes are answered after all of it. */
function takeAll(ledger: SqliteLedger, { takes, probes }: Group): readonly Verdict[] {
  if (takes.length + probes.length === 0) return [];
  return ledger.within(joined([...takes, ...probes].map(concernOf)), (tables) => {
    const taken = takes.map((request) => verdictOf(request, hardened(request), tables.reserve.bind(tables)));
    if (taken.some((verdict) => verdict !== "fits")) throw new Undone({ kind: "refused", taken });
    return probes.map((request) => verdictOf(request, hardened(request), tables.probe.bind(tables)));
  });
}

/** A soft limit that is exceeded stops an admission as a hard one does: then nothing of it is taken. */
function hardened(request: ReserveRequest): ReserveRequest {
  return { ...request, items: request.items.map((item) => ({ ...item, isSoft: false })) };
}

function verdictOf({ items }: ReserveRequest, asked: ReserveRequest, ask: MemoryLedger["reserve"]): Verdict {
  const { breaches } = ask(asked);
  if (breaches.length === 0) return "fits";
  const reservation: Reservation = {
    isGranted: breaches.every(({ index }) => items[index]?.isSoft),
    breaches,
  };
  return reservation;
}
