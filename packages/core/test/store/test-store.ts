import { memoryState, type MemoryState } from "../../src/store/memory-state.ts";

/** A memory store and its clock. */
export interface TestStore {
  readonly store: MemoryState;
  nowMs(): number;
  advanceMs(durationMs: number): void;
  setMs(nowMs: number): void;
}

/** 2026-03-01T00:00:00Z. */
export const START_MS = 1_772_323_200_000;

/** Opens a memory store on a clock that stands still. */
export function createTestStore(options: { maxKeys?: number; startMs?: number } = {}): TestStore {
  let nowMs = options.startMs ?? START_MS;
  const store = memoryState({
    clock: { nowMs: () => nowMs },
    ...(options.maxKeys && { maxKeys: options.maxKeys }),
  });
  return {
    store,
    nowMs: () => nowMs,
    advanceMs: (durationMs) => void (nowMs += durationMs),
    setMs: (next) => void (nowMs = next),
  };
}
