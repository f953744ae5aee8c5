// One process: a plane takes over 10,000 policies of 4 rules from JSON while it decides, several times. Prints what each
// took. Used by load.bench.ts.
import { PerformanceObserver } from "node:perf_hooks";

import { createAgentPlane, createContext, type AgentPlane, type PolicyDocument } from "@agentplane/core";

import { createPolicies } from "./workload.ts";

const SIZE = 10_000;

interface Document {
  /** The share of policies whose condition differs from the usual one. */
  readonly changedShare: number;
  /** Every policy has an amount of its own, so that no two conditions say the same. */
  readonly isVaried?: boolean;
}

function documentText({ changedShare, isVaried = false }: Document): string {
  const policies = createPolicies(SIZE).map(({ id, tenant, tool, agents, maxAmount }, at) => ({
    id,
    selector: { tenants: [tenant], tools: [tool], agents },
    blocking: [
      { rule: "allowlist", tools: [tool] },
      { rule: "redact", fields: [isVaried ? `ssn_${at}` : "ssn"] },
      { rule: "rate", limit: isVaried ? 1_000 + at : 1_000, window: "1h", per: "tenant" },
      {
        rule: "condition",
        where: {
          input: { amount: { gt: (at < SIZE * changedShare ? 1 : 0) + (isVaried ? at : maxAmount) } },
        },
      },
    ],
  }));
  return JSON.stringify({ apiVersion: "agentplane/v1", policies });
}

const TEXTS = {
  first: documentText({ changedShare: 0 }),
  changed: documentText({ changedShare: 0.1 }),
  varied: documentText({ changedShare: 0, isVaried: true }),
};

const context = createContext(
  {
    hookpoint: "before_tool_call",
    agent: "agent-1",
    tenant: "tenant-1",
    tool: { name: "tool_1", input: { amount: 1 } },
  },
  0,
);

/** A stretch of time in which one thing ran. */
interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
  /** Another process took the processor away: what this took is not known. */
  readonly isDisturbed: boolean;
}

/** Pauses for garbage collection, as the runtime tells them. */
const pauses: Pick<Stretch, "startMs" | "endMs">[] = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries())
    pauses.push({ startMs: startTime, endMs: startTime + duration });
}).observe({ entryTypes: ["gc"] });

/** What a stretch took without the pauses in it. */
function ownMs({ startMs, endMs }: Stretch): number {
  const paused = pauses.map((pause) => Math.min(endMs, pause.endMs) - Math.max(startMs, pause.startMs));
  return endMs - startMs - paused.filter((ms) => ms > 0).reduce((sum, ms) => sum + ms, 0);
}

function longest(stretches: readonly Stretch[]): number {
  return Math.max(0, ...stretches.filter(({ isDisturbed }) => !isDisturbed).map(ownMs));
}

/** Starts a stretch; the returned function ends it. */
function stretch(): () => Stretch {
  const before = process.resourceUsage().involuntaryContextSwitches;
  const startMs = performance.now();
  return () => {
    const endMs = performance.now();
    return { startMs, endMs, isDisturbed: process.resourceUsage().involuntaryContextSwitches > before };
  };
}

/** One change of all policies. */
export interface Swap {
  /** From the start to the new set in force, decisions and turns of the loop included. */
  readonly totalMs: number;
  /** Time on the processor of the main thread, which does not grow when other processes compute. */
  readonly cpuMs: number;
  readonly sliceCount: number;
  /** Of the slices, those that are left out below because another process interrupted them. */
  readonly disturbedCount: number;
  /** Without pauses for garbage collection, as everything of our own. */
  readonly longestSliceMs: number;
  /** A decision that is wanted at the start of a slice, until its answer. */
  readonly slowestDecisionMs: number;
  readonly slowestDecisionWithPausesMs: number;
  readonly longestPauseMs: number;
}

/** What one process measured. */
export interface LoadMeasurement {
  readonly parseMs: number;
  readonly parseCpuMs: number;
  readonly swaps: Readonly<Record<"first" | "changed" | "same" | "varied", Swap>>;
  /** The same as `first` in one piece, as at start-up, in a plane of its own. */
  readonly atOnceMs: number;
  readonly policies: number;
  readonly effect: string;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** A plane whose slices are timed, and which decides between any two of them. */
function createTimedPlane() {
  let slices: Stretch[] = [];
  let decisions: Stretch[] = [];
  // Wanted when a slice begins, a decision waits for all of it.
  let endWait = stretch();
  const plane: AgentPlane = createAgentPlane({
    ports: {
      defer(run) {
        setImmediate(() => {
          void plane.engine.rule(context, { intent: "peek" });
          if (slices.length > 0) decisions.push(endWait());
          endWait = stretch();
          run();
          slices.push(endWait());
        });
      },
    },
  });
  const swap = async (text: string): Promise<Swap> => {
    [slices, decisions] = [[], []];
    pauses.length = 0;
    const usedBeforeMs = cpuMs();
    const end = stretch();
    await plane.engine.load("server", text);
    const [total, usedMs] = [end(), cpuMs() - usedBeforeMs];
    // The runtime tells of pauses a little later.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return {
      totalMs: total.endMs - total.startMs,
      cpuMs: usedMs,
      sliceCount: slices.length,
      disturbedCount: slices.filter(({ isDisturbed }) => isDisturbed).length,
      longestSliceMs: longest(slices),
      slowestDecisionMs: longest(decisions),
      slowestDecisionWithPausesMs: Math.max(...decisions.map(({ startMs: from, endMs }) => endMs - from)),
      longestPauseMs: Math.max(0, ...pauses.map(({ startMs: from, endMs }) => endMs - from)),
    };
  };
  return { plane, swap };
}

async function measure(): Promise<LoadMeasurement> {
  const { plane, swap } = createTimedPlane();
  const first = await swap(TEXTS.first);
  const changed = await swap(TEXTS.changed);
  const same = await swap(TEXTS.changed);
  const varied = await swap(TEXTS.varied);
  const { effect } = await plane.engine.decide(context, { intent: "peek" });
  const usedBeforeMs = cpuMs();
  const endParse = stretch();
  // Ours to trust the shape of: the engine checks it again.
  const document = JSON.parse(TEXTS.first) as PolicyDocument;
  const [parsed, parseCpuMs] = [endParse(), cpuMs() - usedBeforeMs];
  const endAtOnce = stretch();
  const other = createAgentPlane({ policies: document.policies });
  const atOnce = endAtOnce();
  const policies = plane.engine.policies().length;
  await plane.close();
  await other.close();
  return {
    parseMs: parsed.endMs - parsed.startMs,
    parseCpuMs,
    swaps: { first, changed, same, varied },
    atOnceMs: atOnce.endMs - atOnce.startMs,
    policies,
    effect,
  };
}

console.log(JSON.stringify(await measure()));
