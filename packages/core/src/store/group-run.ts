import { assertNever } from "../base/assert-never.ts";
import { AgentplaneError } from "../base/errors.ts";
import { foldChanges, type Folded, type IdleMember, type KnownDocument } from "./fold-changes.ts";
import {
  documentName,
  type DocumentChange,
  type GroupAnswer,
  type GroupedDocuments,
  type GroupMember,
  type GroupSender,
  type Verdict,
} from "./group-sender.ts";
import type { ReserveRequest } from "./state-store.ts";

/** Another process that writes the same is faster now and then, not for ever. */
const MAX_MOVES = 200;

type Answer<K extends GroupAnswer["kind"]> = Extract<GroupAnswer, { readonly kind: K }>;

/** A member that takes something. */
type Taking<D extends GroupedDocuments> = GroupMember<D> & { readonly reserve: ReserveRequest };

/** What bringing groups to their end needs. */
export interface GroupRunDeps<D extends GroupedDocuments> {
  readonly sender: GroupSender<D>;
  /** Monotonic time in ms. */
  nowMs(): number;
}

/**
 * Brings a group of writes to its end: mostly one step of the server for all of it, else as many as it takes to tell each
 * member what it would have been told alone, after those before it.
 */
export class GroupRun<D extends GroupedDocuments> {
  readonly #deps: GroupRunDeps<D>;
  readonly #known = new Map<string, KnownDocument>();
  #left: readonly GroupMember<D>[];
  /** Refused beside others that are not yet written: what they are really answered is found when those are. */
  #probing: readonly Taking<D>[] = [];
  #alone: readonly GroupMember<D>[];
  #moves = 0;

  constructor(deps: GroupRunDeps<D>, members: readonly GroupMember<D>[]) {
    this.#deps = deps;
    const together = new Map<unknown, GroupMember<D>>();
    // Of two of one id the second must find what the first has taken.
    for (const member of members) {
      const id = member.reserve === undefined ? member : member.reserve.id;
      if (!together.has(id)) together.set(id, member);
    }
    this.#left = [...together.values()];
    this.#alone = members.filter((member) => !this.#left.includes(member));
  }

  /** Never rejects: every member is told. */
  async run(): Promise<void> {
    try {
      // Each step builds on what the one before has found.
      // oxlint-disable-next-line no-await-in-loop
      while (this.#left.length + this.#probing.length > 0) await this.#step();
    } catch (error) {
      this.#fail(error);
    }
    for (const member of this.#alone) {
      // oxlint-disable-next-line no-await-in-loop -- in the order in which they came
      await new GroupRun(this.#deps, [member]).run();
    }
  }

  async #step(): Promise<void> {
    this.#left = this.#inTime(this.#left);
    this.#probing = this.#inTime(this.#probing);
    const folded = foldChanges(this.#left, (change) => this.#knownOf(change));
    if (folded.writing.length > 0) return this.#send(folded);
    const unsure = this.#conclude(folded.idle);
    this.#left = unsure.length > 0 ? unsure.map(({ member }) => member) : this.#probing;
    if (unsure.length > 0) await this.#read(unsure);
    else this.#probing = [];
  }

  /** Those for whom somebody still waits; the others are told, and not sent. */
  #inTime<M extends GroupMember<D>>(members: readonly M[]): readonly M[] {
    const nowMs = this.#deps.nowMs();
    if (members.every(({ untilMs }) => untilMs > nowMs)) return members;
    for (const { untilMs, failed } of members) if (untilMs <= nowMs) failed(tooSlow());
    return members.filter(({ untilMs }) => untilMs > nowMs);
  }

  async #send(folded: Folded<D>): Promise<void> {
    const takers = folded.writing.map(({ member }) => member).filter(isTaking);
    const answer = await this.#deps.sender.send({
      writes: folded.writes,
      takes: takers.map(({ reserve }) => reserve),
      probes: this.#probing.map(({ reserve }) => reserve),
    });
    switch (answer.kind) {
      case "done":
        return this.#done(folded, answer);
      case "moved":
        return this.#moved(folded, answer);
      case "refused":
        return this.#refused(takers, answer);
      default:
        return assertNever(answer, "answer to a group");
    }
  }

  #done({ writes, writing, idle, later }: Folded<D>, { versions, probed }: Answer<"done">): void {
    for (const [at, write] of writes.entries()) {
      const stored = { version: versions[at]!, json: write.json };
      this.#known.set(documentName(write), { stored, value: write.value, isSure: true });
    }
    for (const { member, value } of writing) member.written(value);
    const free = this.#probing.filter((member, at) => this.#isFree(member, probed[at]!));
    this.#probing = [];
    this.#left = [...this.#conclude(idle).map(({ member }) => member), ...later, ...free];
  }

  /** Whether a member that was refused before may be asked for again. */
  #isFree(member: Taking<D>, verdict: Verdict): boolean {
    if (verdict === "fits") return true;
    if (verdict === "alone") this.#alone = [...this.#alone, member];
    else member.refused(verdict);
    return false;
  }

  #moved({ writes }: Folded<D>, { there }: Answer<"moved">): void {
    if (++this.#moves > MAX_MOVES)
      throw new AgentplaneError("state_failed", "a document changes too often to be written");
    for (const [at, write] of writes.entries()) {
      const { documents, key } = write;
      const name = documentName(write);
      const stored = there[at];
      // All of them were compared with what is there.
      if (stored === undefined) this.#known.set(name, { ...this.#known.get(name)!, isSure: true });
      else this.#known.set(name, { stored, value: documents.valueOf(key, stored), isSure: true });
    }
  }

  #refused(takers: readonly Taking<D>[], { taken }: Answer<"refused">): void {
    const out = new Set<GroupMember<D>>();
    let isFirst = true;
    for (const [at, member] of takers.entries()) {
      const verdict = taken[at]!;
      if (verdict === "fits") isFirst = false;
      else {
        out.add(member);
        // Behind others that fit, it may be for them alone: they are not written yet, and may never be.
        if (verdict !== "alone" && !isFirst) this.#probing = [...this.#probing, member];
        else this.#isFree(member, verdict);
      }
    }
    if (out.size === 0)
      throw new AgentplaneError("state_failed", "the state store refused a group without a reason");
    this.#left = this.#left.filter((member) => !out.has(member));
  }

  /** Tells those for whom nothing is written, where what they saw is sure. @returns the others */
  #conclude(idle: readonly IdleMember<D>[]): readonly IdleMember<D>[] {
    const unsure: IdleMember<D>[] = [];
    for (const one of idle) {
      const { member, outcome } = one;
      if (!this.#knownOf(outcome.of).isSure) unsure.push(one);
      else if ("error" in outcome) member.failed(outcome.error);
      else member.idle(outcome.value);
    }
    return unsure;
  }

  /** Only what is really there can be left as it is, or be refused. */
  async #read(idle: readonly IdleMember<D>[]): Promise<void> {
    const changes = new Map(idle.map(({ outcome }) => [documentName(outcome.of), outcome.of]));
    await Promise.all(
      [...changes].map(async ([name, { documents, key }]) => {
        const stored = await documents.fresh(key);
        this.#known.set(name, { stored, value: documents.valueOf(key, stored), isSure: true });
      }),
    );
  }

  #knownOf(change: DocumentChange<D>): KnownDocument {
    const name = documentName(change);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { documents, key } = change;
    const stored = documents.guess(key);
    const guessed = { stored, value: documents.valueOf(key, stored), isSure: false };
    this.#known.set(name, guessed);
    return guessed;
  }

  #fail(error: unknown): void {
    const members = [...this.#left, ...this.#probing];
    this.#left = this.#probing = [];
    // What no server has refused is somebody's value that is no JSON.
    const isOfOne = !(error instanceof AgentplaneError) || this.#deps.sender.isOfOne(error);
    if (isOfOne && members.length > 1) this.#alone = [...members, ...this.#alone];
    else for (const member of members) member.failed(error);
  }
}

function isTaking<D extends GroupedDocuments>(member: GroupMember<D>): member is Taking<D> {
  return member.reserve !== undefined;
}

function tooSlow(): AgentplaneError {
  return new AgentplaneError("state_failed", "the state store is too slow: gave up waiting for a turn");
}
