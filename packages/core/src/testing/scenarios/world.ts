import type { AuditRecord, DecisionRecord, OutcomeRecord } from "../../audit/audit-record.ts";
import type { AuditSink } from "../../audit/audit-sink.ts";
import type { JsonValue } from "../../base/json.ts";
import type { MaybePromise } from "../../base/maybe-promise.ts";
import type { ToolTraits } from "../../policy/traits.ts";
import { createAgentPlane, type AgentPlane } from "../../plane.ts";
import type { PlaneOptions } from "../../plane-options.ts";
import type { AdapterDriver, AgentRun, RunRequest } from "../adapter-driver.ts";
import type { ScriptAgent, ScriptTool, ScriptTurn, ScriptWork } from "../agent-script.ts";
import { createFakeScanner } from "../fake-scanner.ts";
import { createTestPorts } from "../create-test-ports.ts";

/** One execution of a scripted tool. */
export interface Execution {
  readonly tool: string;
  readonly input: unknown;
  readonly signal: AbortSignal | undefined;
}

/** A plane, an agent's tools that write down their executions, and the driver that plays scripts on both. */
export interface World {
  readonly plane: AgentPlane;
  readonly driver: AdapterDriver;
  readonly records: readonly AuditRecord[];
  readonly executions: readonly Execution[];
  /** How often a tool was executed. */
  count(tool: string): number;
  /** A tool under one of the names of {@link TRAITS}; without work it answers `{ ok: <name> }`. */
  tool(name: string, work?: ScriptWork): ScriptTool;
  /** A tool that runs another agent, called `helper`. */
  delegate(turns: readonly ScriptTurn[], tools: readonly ScriptTool[]): ScriptTool;
  /** Plays a script as the agent `support` of the tenant `acme`, in session `s1`. */
  run(script: Omit<ScriptAgent, "agent">, options?: RunOptions): Promise<AgentRun>;
  decisions(tool?: string): readonly DecisionRecord[];
  outcomes(tool?: string): readonly OutcomeRecord[];
}

/** How a script is played; default: as {@link World.run} says. */
export type RunOptions = Partial<Omit<RunRequest, "script">>;

/** What the operator of every scenario declares about its tools. */
export const TRAITS: Readonly<Record<string, ToolTraits>> = {
  begin: { access: "read", external: false, safe: true },
  read_order: { access: "read", external: false, safe: true },
  delete_order: { access: "write", external: false },
  send_mail: { access: "write", external: true },
  delegate: { access: "read", external: false, safe: true },
};

/** What the scanner of every scenario finds, as the detector `key`. */
export const SECRET = "key-4711-abcdef";

/**
 * Creates a world.
 * @param driver The adapter under test.
 * @param options Of the plane; traits, scanner, sink and a resolver for approvals are given.
 */
export function createWorld(driver: AdapterDriver, options: PlaneOptions = {}): World {
  const records: AuditRecord[] = [];
  const executions: Execution[] = [];
  const plane = createAgentPlane({
    tools: TRAITS,
    scanner: createFakeScanner([{ name: "key", family: "secret", texts: [SECRET] }]),
    approvals: { resolver: "external" },
    audit: listSink(records),
    ports: createTestPorts(),
    ...(driver.createState !== undefined && { state: driver.createState() }),
    ...options,
  });
  return {
    plane,
    driver,
    records,
    executions,
    count: (tool) => executions.filter((execution) => execution.tool === tool).length,
    tool: (name, work = () => ({ ok: name })) => ({ name, does: recorded(name, work, executions) }),
    delegate: (turns, tools) => ({ name: "delegate", does: { agent: "helper", turns, tools } }),
    run: (script, given = {}) =>
      driver.run({ plane, tenant: "acme", session: "s1", ...given, script: { ...script, agent: "support" } }),
    decisions: (tool) =>
      recordsOf(records, "decision").filter((record) => isOf(record, tool, "before_tool_call")),
    outcomes: (tool) =>
      recordsOf(records, "outcome").filter((record) => tool === undefined || record.tool === tool),
  };
}

function recorded(tool: string, work: ScriptWork, executions: Execution[]): ScriptWork {
  return (input, signal): MaybePromise<JsonValue> => {
    executions.push({ tool, input, signal });
    return work(input, signal);
  };
}

function isOf({ tool, decision }: DecisionRecord, wanted: string | undefined, hookpoint: string): boolean {
  return decision.hookpoint === hookpoint && (wanted === undefined || tool === wanted);
}

function recordsOf<Kind extends AuditRecord["kind"]>(
  records: readonly AuditRecord[],
  kind: Kind,
): readonly Extract<AuditRecord, { kind: Kind }>[] {
  return records.filter((record): record is Extract<AuditRecord, { kind: Kind }> => record.kind === kind);
}

function listSink(records: AuditRecord[]): AuditSink {
  return {
    append: (record) => void records.push(record),
    flush: () => undefined,
    close: () => undefined,
  };
}
