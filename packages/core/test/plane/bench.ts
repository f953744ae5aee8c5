import type {
  AuditRecord,
  ControlRecord,
  DecisionRecord,
  OutcomeRecord,
} from "../../src/audit/audit-record.ts";
import type { AuditSink } from "../../src/audit/audit-sink.ts";
import { createSteadyClock } from "../../src/base/ports.ts";
import type { ContextInit } from "../../src/context/create-context.ts";
import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import type { PlaneOptions } from "../../src/plane-options.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { ToolTraits } from "../../src/policy/traits.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import {
  createTestPorts,
  type TestPortOverrides,
  type TestPorts,
} from "../../src/testing/create-test-ports.ts";

/** A real plane on a fake clock, with everything it records at hand. */
export interface Bench {
  readonly plane: AgentPlane;
  readonly ports: TestPorts;
  readonly records: readonly AuditRecord[];
  decisions(): readonly DecisionRecord[];
  outcomes(): readonly OutcomeRecord[];
  controls(action?: string): readonly ControlRecord[];
}

/** Options of a bench: those of a plane, the ports being those of a test. */
export interface BenchOptions extends Omit<PlaneOptions, "ports"> {
  readonly ports?: TestPortOverrides;
  /** Those of another bench, for a second process on the same store and clock. */
  readonly sharedPorts?: TestPorts;
}

/** What the operator of a bench declares about its tools. */
export const TOOLS: Readonly<Record<string, ToolTraits>> = {
  search: { access: "read", external: false, safe: true },
  fetch_page: { access: "read", external: true },
  update: { access: "write", external: false },
  send_mail: { access: "write", external: true },
  run_code: { access: "exec", external: false },
};

/**
 * Creates a plane to be tested.
 * @param options Of the plane; tools, a sink that keeps every record, and test ports are given.
 */
export function createBench({ ports: overrides, sharedPorts, ...options }: BenchOptions = {}): Bench {
  const ports = sharedPorts ?? createTestPorts(overrides);
  const records: AuditRecord[] = [];
  const plane = createAgentPlane({ tools: TOOLS, audit: listSink(records), ...options, ports });
  return {
    plane,
    ports,
    records,
    decisions: () => records.filter((record) => record.kind === "decision"),
    outcomes: () => records.filter((record) => record.kind === "outcome"),
    controls: (action) =>
      records
        .filter((record) => record.kind === "control")
        .filter((one) => action === undefined || one.action === action),
  };
}

/** A sink that keeps records in a list. */
export function listSink(records: AuditRecord[]): AuditSink {
  return { append: (record) => void records.push(record), flush() {}, close() {} };
}

/** A store that several planes share, on the clock of their ports. */
export function sharedState(ports: TestPorts): StateStore {
  return memoryState({ clock: createSteadyClock(ports.clock) });
}

/** What differs from the usual tool call: agent `bot` of tenant `acme` in session `s1`. */
export type CallChange = Partial<Omit<ContextInit, "tool">>;

/** The context of a tool call, before it runs. */
export function toolCall(name: string, input: unknown = {}, change: CallChange = {}): ContextInit {
  return {
    hookpoint: "before_tool_call",
    agent: "bot",
    tenant: "acme",
    session: "s1",
    tool: { name, input },
    ...change,
  };
}

/** The context of a model call, before it runs. */
export function modelCall(change: Partial<ContextInit> = {}): ContextInit {
  return {
    hookpoint: "before_model_call",
    agent: "bot",
    tenant: "acme",
    session: "s1",
    model: { name: "m", messages: [{ role: "user", content: "hi" }] },
    ...change,
  };
}

/** A policy of blocking rules alone. */
export function blocking(
  id: string,
  rules: NonNullable<Policy["blocking"]>,
  more: Partial<Policy> = {},
): Policy {
  return { id, blocking: rules, ...more };
}
