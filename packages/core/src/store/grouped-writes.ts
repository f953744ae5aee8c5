import { AgentplaneError } from "../base/errors.ts";
import { GroupRun, type GroupRunDeps } from "./group-run.ts";
import {
  documentName,
  type DocumentChange,
  type GroupedDocuments,
  type GroupMember,
} from "./group-sender.ts";
import type { ReserveRequest, StoreAdmissionAnswer } from "./state-store.ts";
import { WaitingLines, type Waiting } from "./waiting-lines.ts";

/** What grouped writes are made of. */
export interface GroupedWritesDeps<D extends GroupedDocuments> extends GroupRunDeps<D> {
  /** How many groups of calls may be under way at once; beyond it they go together, whatever they write. */
  readonly lanes: number;
  /** How long anybody waits, in ms: what has not been sent by then is not sent any more. */
  readonly timeoutMs: number;
}

/** The same with its place in line. */
interface WaitingMember<D extends GroupedDocuments> extends GroupMember<D>, Waiting {}

/** Enough that a write is paid by many; few enough that one stays short. Some long histories, in UTF-16 units. */
const BOUNDS = { count: 64, length: 1_048_576 };
const ADMITTED: StoreAdmissionAnswer = Object.freeze({ isAdmitted: true });
const CALLED_OFF: StoreAdmissionAnswer = Object.freeze({ isAdmitted: false, reservation: undefined });

/**
 * Writes of one process, one after the other on each document: a process never loses a race against itself. What waits
 * for the same document goes together in one step of the server, however many have come meanwhile, and so does what waits
 * for a lane; each is answered as if it had come alone.
 */
export class GroupedWrites<D extends GroupedDocuments> {
  readonly #deps: GroupedWritesDeps<D>;
  readonly #lines = new WaitingLines<WaitingMember<D>>();
  /** Lines in which somebody may be next, for whom there is no lane. */
  readonly #ready = new Set<string>();
  #running = 0;
  #entered = 0;

  constructor(deps: GroupedWritesDeps<D>) {
    this.#deps = deps;
  }

  /** As `update` of a collection. @throws what the change throws on what is really there, and what sending throws */
  update(change: DocumentChange<D>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#enter({
        changes: [change],
        reserve: undefined,
        written: resolve,
        idle: resolve,
        refused: () =>
          reject(new AgentplaneError("internal_unreachable", "a write without limits was refused")),
        failed: reject,
      });
    });
  }

  /** As `admit` of a store. */
  admit(
    reserve: ReserveRequest | undefined,
    changes: readonly DocumentChange<D>[],
  ): Promise<StoreAdmissionAnswer> {
    return new Promise((resolve, reject) => {
      this.#enter({
        changes,
        reserve,
        written: () => resolve(ADMITTED),
        idle: () => resolve(CALLED_OFF),
        refused: (reservation) => resolve({ isAdmitted: false, reservation }),
        failed: reject,
      });
    });
  }

  #enter(member: Omit<GroupMember<D>, "untilMs">): void {
    const { nowMs, timeoutMs } = this.#deps;
    const changed = member.changes.map(documentName);
    // Limits alone wait for nothing but a lane.
    const names = changed.length > 0 ? changed : [`limits:${++this.#entered}`];
    const length = member.changes.reduce((sum, one) => sum + lengthOf(one), 0);
    this.#lines.enter({ ...member, names, length, untilMs: nowMs() + timeoutMs, isSent: false });
    const isOfCall = member.changes.every(({ documents }) => documents.isOfCalls);
    // Not before all that is asked for in this moment is there.
    void Promise.resolve().then(() => (isOfCall ? this.#start(names) : this.#sendApart(names)));
  }

  #start(names: Iterable<string>): void {
    for (const name of names) this.#ready.add(name);
    while (this.#running < this.#deps.lanes) {
      const { group, isFull } = this.#lines.gather(this.#ready, BOUNDS);
      for (const member of group) member.isSent = true;
      // A line of which somebody is sent comes back behind the others, however many have entered it meanwhile.
      for (const name of this.#ready) if (!isFull || !this.#lines.isIdle(name)) this.#ready.delete(name);
      if (group.length === 0) return;
      this.#running++;
      void this.#send(group).then((left) => {
        this.#running--;
        this.#start(left);
        return undefined;
      });
    }
  }

  async #sendApart(names: readonly string[]): Promise<void> {
    const { group } = this.#lines.gather(names, BOUNDS);
    for (const member of group) member.isSent = true;
    if (group.length > 0) for (const name of await this.#send(group)) void this.#sendApart([name]);
  }

  /** @returns The lines in which somebody may be next when it is done. */
  async #send(group: readonly WaitingMember<D>[]): Promise<Iterable<string>> {
    await new GroupRun(this.#deps, group).run();
    return this.#lines.leave(group);
  }
}

function lengthOf<D extends GroupedDocuments>({ documents, key }: DocumentChange<D>): number {
  return documents.guess(key).json?.length ?? 0;
}
