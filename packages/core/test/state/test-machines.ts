import type { ControlRecord } from "../../src/audit/audit-record.ts";
import type { Ports } from "../../src/base/ports.ts";
import type { PolicyContext } from "../../src/context/context.ts";
import { createTestStore, type TestStore } from "../store/test-store.ts";

/** A control record as a machine reports it. */
export type Reported = Omit<ControlRecord, "kind" | "at">;

/** A memory store, a clock, timers that fire when it moves, and what the machines report. */
export interface TestMachines extends TestStore {
  readonly ports: Pick<Ports, "clock" | "ids" | "timers" | "logger">;
  readonly records: Reported[];
  readonly errors: string[];
  record(record: Reported): void;
}

/** Everything the state machines are given. */
export function createTestMachines(): TestMachines {
  const base = createTestStore();
  const records: Reported[] = [];
  const errors: string[] = [];
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  let count = 0;
  const advanceMs = (durationMs: number): void => {
    base.advanceMs(durationMs);
    const due = timers.filter(({ atMs }) => atMs <= base.nowMs());
    timers = timers.filter(({ atMs }) => atMs > base.nowMs());
    for (const { run } of due) run();
  };
  return {
    ...base,
    advanceMs,
    records,
    errors,
    record: (one) => void records.push(one),
    ports: {
      clock: { wallMs: () => base.nowMs(), elapsedMs: () => base.nowMs() },
      timers: {
        set(run, delayMs) {
          const timer = { atMs: base.nowMs() + delayMs, run };
          timers.push(timer);
          return () => void (timers = timers.filter((other) => other !== timer));
        },
      },
      ids: { next: (prefix) => `${prefix}_${count++}`, secret: (prefix) => `${prefix}_${count++}` },
      logger: { info: () => undefined, warn: () => undefined, error: (message) => void errors.push(message) },
    },
  };
}

/** A context with just what is given. */
export function contextOf(
  more: Partial<PolicyContext> & { agentId?: string; ancestors?: readonly string[]; runId?: string } = {},
): PolicyContext {
  const { agentId = "a", ancestors = [], runId, ...rest } = more;
  return {
    hookpoint: "before_tool_call",
    agent: { id: agentId, ancestors, ...(runId !== undefined && { runId }) },
    tool: { name: "search", input: {} },
    tags: {},
    nowMs: 0,
    ...rest,
  };
}
