import { AgentplaneError } from "../../src/base/errors.ts";
import type {
  DocumentChange,
  GroupAnswer,
  GroupedDocuments,
  GroupSender,
  Verdict,
  WriteGroup,
} from "../../src/store/group-sender.ts";
import { GroupedWrites } from "../../src/store/grouped-writes.ts";
import { RecentDocuments, type StoredDocument } from "../../src/store/recent-documents.ts";
import type { ReserveRequest } from "../../src/store/state-store.ts";

export const TIMEOUT_MS = 5_000;

/** A collection of one process. */
export class Documents implements GroupedDocuments {
  readonly collection: string;
  readonly isOfCalls: boolean;
  readonly recent = new RecentDocuments();
  readonly #server: Server;

  constructor(server: Server, collection = "sessions", isOfCalls = true) {
    this.#server = server;
    this.collection = collection;
    this.isOfCalls = isOfCalls;
  }

  guess(key: string): StoredDocument {
    return this.recent.guess(key);
  }
  valueOf(_key: string, { json }: StoredDocument): unknown {
    return json === undefined ? undefined : JSON.parse(json);
  }
  async fresh(key: string): Promise<StoredDocument> {
    this.#server.reads++;
    const there = this.#server.at(this.collection, key);
    this.recent.note(key, there);
    return there;
  }
}

/** A server of one process, which does a whole group or nothing of it. */
export class Server implements GroupSender<Documents> {
  readonly groups: WriteGroup<Documents>[] = [];
  readonly #documents = new Map<string, StoredDocument>();
  readonly held = new Map<string, number>();
  reads = 0;
  limit = Infinity;
  #version = 0;
  /** What another process does before the next groups come. */
  readonly before: (() => void)[] = [];
  isOfOne = (error: unknown): boolean => error instanceof AgentplaneError && error.code === "usage_invalid";

  at(collection: string, key: string): StoredDocument {
    return this.#documents.get(`${collection}:${key}`) ?? { version: "", json: undefined };
  }
  valueAt(key: string, collection = "sessions"): unknown {
    const { json } = this.at(collection, key);
    return json === undefined ? undefined : JSON.parse(json);
  }
  put(key: string, value: unknown, collection = "sessions"): StoredDocument {
    const written = { version: String(++this.#version), json: JSON.stringify(value) };
    this.#documents.set(`${collection}:${key}`, written);
    return written;
  }

  async send(group: WriteGroup<Documents>): Promise<GroupAnswer> {
    this.groups.push(group);
    await Promise.resolve();
    this.before.shift()?.();
    const there = group.writes.map(({ documents, key, version }) => {
      const now = this.at(documents.collection, key);
      if (now.version === version) return undefined;
      documents.recent.note(key, now);
      return now;
    });
    if (there.some((one) => one !== undefined)) return { kind: "moved", there };
    const held = new Map(this.held);
    const taken = group.takes.map((take) => this.#take(take));
    if (taken.some((one) => one !== "fits")) {
      this.held.clear();
      for (const [id, amount] of held) this.held.set(id, amount);
      return { kind: "refused", taken };
    }
    const probed = group.probes.map((probe) => this.#judge(probe));
    const versions = group.writes.map(({ documents, key, value }) => {
      const stored = this.put(key, value, documents.collection);
      documents.recent.note(key, stored);
      return stored.version;
    });
    return { kind: "done", versions, probed };
  }

  #take(request: ReserveRequest): Verdict {
    const verdict = this.#judge(request);
    if (verdict === "fits") this.held.set(request.id, request.items[0]!.amount);
    return verdict;
  }
  #judge({ items }: ReserveRequest): Verdict {
    const sum = [...this.held.values()].reduce((all, amount) => all + amount, 0);
    return sum + items[0]!.amount <= this.limit ? "fits" : { isGranted: false, breaches: [{ index: 0 }] };
  }
}

/** One process on a server of its own. */
export function open(lanes = 1) {
  const server = new Server();
  let nowMs = 0;
  const sessions = new Documents(server);
  const admissions = new Documents(server, "admissions");
  const writes = new GroupedWrites({ sender: server, lanes, timeoutMs: TIMEOUT_MS, nowMs: () => nowMs });
  const changing =
    (documents: Documents) =>
    (key: string, change: (old: unknown) => unknown): DocumentChange<Documents> => ({
      documents,
      key,
      change,
      ttlMs: undefined,
    });
  return {
    server,
    writes,
    ofSession: changing(sessions),
    ofCall: changing(admissions),
    controls: changing(new Documents(server, "controls", false)),
    advanceMs: (durationMs: number) => void (nowMs += durationMs),
  };
}

export const more = (old: unknown): unknown => Number(old ?? 0) + 1;
export const append =
  (entry: unknown) =>
  (old: unknown): unknown => [...(Array.isArray(old) ? old : []), entry];
export const same = (old: unknown): unknown => old;
export const throwing = (): never => {
  throw new Error("not so");
};
export const request = (id: string, amount = 1): ReserveRequest => ({
  id,
  ttlMs: 60_000,
  items: [
    {
      spec: { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } },
      amount,
      isSoft: false,
      expired: "charge",
    },
  ],
});
