import { requireMembers } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { createSteadyClock, type SteadyClock } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { LedgerTables } from "./ledger-tables.ts";
import { MemoryDocuments } from "./memory-documents.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import type { StateStore } from "./state-store.ts";

const DEFAULT_MAX_KEYS = 100_000;

/** What may be chosen of the in-memory state. */
export interface MemoryStateOptions {
  /** Default: the platform's clock. */
  readonly clock?: SteadyClock;
  /** How many limit keys may live at once; beyond it a reservation throws `state_failed`. Default 100,000. */
  readonly maxKeys?: number;
}

/** The in-memory state: every answer is a value, never a promise. */
export interface MemoryState extends StateStore {
  readonly ledger: MemoryLedger;
  readonly controls: MemoryDocuments;
  readonly ladders: MemoryDocuments;
  readonly approvals: MemoryDocuments;
  readonly sessions: MemoryDocuments;
  readonly admissions: MemoryDocuments;
  readonly versions: MemoryDocuments;
  close(): void;
}

/**
 * Everything that must be remembered, in this process's memory: synchronous, and gone with the process.
 * @throws AgentplaneError `usage_invalid` for a `maxKeys` that is not a whole number from 1, or an option that does not exist
 * @example createAgentPlane({ state: memoryState({ maxKeys: 10_000 }) });
 */
export function memoryState(options: MemoryStateOptions = {}): MemoryState {
  requireMembers("memoryState", options, ["clock", "maxKeys"]);
  const { clock, maxKeys = DEFAULT_MAX_KEYS } = options;
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
    throw new AgentplaneError("usage_invalid", `maxKeys must be a whole number from 1, not ${maxKeys}`);
  }
  const nowMs = neverBack(clock ?? createSteadyClock(createPorts().clock));
  const documents = {
    controls: new MemoryDocuments(nowMs),
    ladders: new MemoryDocuments(nowMs),
    approvals: new MemoryDocuments(nowMs),
    sessions: new MemoryDocuments(nowMs),
    admissions: new MemoryDocuments(nowMs),
    versions: new MemoryDocuments(nowMs),
  };
  return {
    ledger: new MemoryLedger(nowMs, new LedgerTables(maxKeys)),
    ...documents,
    close: () => Object.values(documents).forEach((store) => store.close()),
  };
}

/** A clock given from outside may jump back; windows must neither refill nor freeze by it. */
function neverBack(clock: SteadyClock): () => number {
  let latestMs = 0;
  return () => {
    const nowMs = clock.nowMs();
    if (nowMs > latestMs) latestMs = nowMs;
    return latestMs;
  };
}
