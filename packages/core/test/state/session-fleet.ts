import type { SessionEntry, SessionView } from "../../src/rules/session-view.ts";
import { Sessions } from "../../src/state/session.ts";
import { createFakeIds } from "../../src/testing/fake-ids.ts";
import { serialisedDocuments, type SerialisedDocuments } from "./serialised-documents.ts";
import { contextOf, createTestMachines, type TestMachines } from "./test-machines.ts";

/** A call of the session. */
export const CONTEXT = contextOf({ session: "s" });
/** Under which its history is stored: no plane, no tenant, the session. */
export const KEY = "--7:session1:s";
/** How most calls end. */
export const ENDED = { isError: false, durationMs: 5, effect: "allow" } as const;
/** How long a session is kept after its last call. */
export const DAY_MS = 86_400_000;

/** An entry as long as most are. */
export function entryOf(decisionId: string, more: Partial<SessionEntry> = {}): SessionEntry {
  const effect = more.effect ?? "allow";
  const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  return {
    at: 1_772_323_200_000,
    hookpoint: "before_tool_call",
    agent: "support",
    effect,
    inputDigest: digest,
    isInFlight: effect === "allow",
    decisionId,
    name: "search",
    access: "read",
    isExternal: false,
    ...more,
  };
}

/** Processes that share sessions on a store of texts. */
export interface Fleet extends TestMachines {
  readonly documents: SerialisedDocuments;
  readonly warnings: string[];
  /** A process that has seen nothing yet. @param aheadMs How far its clock is before the store's. */
  join(ids?: { readonly suffix: string }, aheadMs?: number): Sessions;
  /** Settles when nothing is spilled any more. */
  settle(): Promise<void>;
}

export function createFleet(): Fleet {
  const machines = createTestMachines();
  const documents = serialisedDocuments(machines.store.sessions);
  const running = new Set<Promise<void>>();
  const warnings: string[] = [];
  let count = 0;
  return {
    ...machines,
    documents,
    warnings,
    join: (ids = { suffix: `_${count++}` }, aheadMs = 0) =>
      new Sessions({
        sessions: documents,
        nowMs: () => machines.nowMs() + aheadMs,
        ports: {
          ids: createFakeIds(ids),
          logger: { ...machines.ports.logger, warn: (message) => void warnings.push(message) },
        },
        aside: (work) => {
          running.add(work);
          void work.finally(() => running.delete(work));
        },
      }),
    async settle() {
      // oxlint-disable-next-line no-await-in-loop -- what ends may have begun more
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** The same on references, where a history is never split. */
export function createModel({ nowMs }: TestMachines): Sessions {
  return new Sessions({ sessions: createTestMachines().store.sessions, nowMs });
}

/** Lets so many calls run in the session, one after the other. */
export async function fill(sessions: Sessions, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at++) {
    // oxlint-disable no-await-in-loop -- one call after the other
    await sessions.append(CONTEXT, entryOf(`${at}`));
    await sessions.complete(CONTEXT, `${at}`, ENDED);
    // oxlint-enable no-await-in-loop
  }
}

/** The documents that a history is kept in besides its own. */
export function partsOf({ store }: Fleet): readonly string[] {
  return store.sessions.list("").flatMap(([key]) => (key === KEY ? [] : [key]));
}

/** How many bytes a call writes of its session's history. */
export function bytesOf({ store }: Fleet): number {
  return Buffer.byteLength(store.sessions.read<string>(KEY) ?? "");
}

/** Compared so for speed: a history is long. */
export function textOf(view: SessionView): string {
  return JSON.stringify(view);
}
