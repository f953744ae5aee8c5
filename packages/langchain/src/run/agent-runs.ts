import type { Denied } from "@agentplane/core";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { LangGraphRunnableConfig } from "@langchain/langgraph";

import { claimOf, type RunFacts } from "../call/identity.ts";
import { LiveRun, type BegunCall, type RunEnd } from "./live-run.ts";
import { placeOf, startRun, type RunSettings, type RunStep } from "./run-start.ts";

/** A call within a run, or why that must end. */
export type BegunRun = BegunCall | { readonly refusal: Denied };

/** The runs of an agent, each decided once before its first call and judged once at its end. */
export interface AgentRuns {
  /**
   * Decides the run, where that has not happened, and asks a human where one is needed.
   * @throws GraphInterrupt while a human is awaited.
   */
  begin(step: RunStep): BegunRun | Promise<BegunRun>;
  /**
   * Judges the run that goes on here, where something else than a call of it ends it. What goes on afterwards, as after a jump
   * back to the model, is decided as another run; what goes on after a pause, again as this one.
   */
  end(run: RunFacts, end: RunEnd): Promise<void>;
}

/** The runs that share one control object of LangGraph. */
interface Family {
  readonly runs: Map<string, LiveRun>;
  /** Calls that run side by side begin a run once: the others wait for the first. */
  readonly starting: Map<string, Promise<unknown>>;
  /** Runs of which some call waits for a human, until the model is asked again. */
  readonly paused: Set<string>;
  /** Runs that may not go on, until the model is asked and does not answer. */
  readonly refused: Map<string, Denied>;
}

/** Where a run is looked for. */
interface Place {
  readonly family: Family;
  readonly key: string;
}

/** Keeps the runs of one agent. */
export function createAgentRuns(settings: RunSettings): AgentRuns {
  // LangGraph makes this object for each run and hands it to every node, and to graphs inside.
  const families = new WeakMap<object, Family>();
  const alone = newFamily();
  const familyOf = (): Family => {
    const control = controlOfRun();
    if (control === undefined) return alone;
    const known = families.get(control);
    if (known !== undefined) return known;
    const family = newFamily();
    families.set(control, family);
    return family;
  };
  return {
    begin(step) {
      const family = familyOf();
      const key = keyOf(settings, step.runtime);
      const { runs, starting, paused, refused } = family;
      if (step.isTurn === true) paused.delete(key);
      const run = starting.has(key) || refused.has(key) ? undefined : runs.get(key);
      return run === undefined ? beginLater(settings, step, { family, key }) : run.enter(step.messages);
    },
    async end(runtime, end) {
      const { runs, paused } = familyOf();
      const key = keyOf(settings, runtime);
      if ("isPaused" in end) paused.add(key);
      await runs.get(key)?.end(end);
    },
  };
}

/** Begins a run, or finds out that it may not. */
async function beginLater(settings: RunSettings, step: RunStep, { family, key }: Place): Promise<BegunRun> {
  const { runs, starting, refused } = family;
  // What the first one threw is its own: a pause belongs to the task that made it.
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  while (starting.has(key)) await starting.get(key)?.catch(() => undefined);
  const refusal = refused.get(key);
  if (step.isTurn === true) refused.delete(key);
  if (refusal !== undefined) return { refusal };
  const run = runs.get(key);
  if (run !== undefined) return run.enter(step.messages);
  const start = started(settings, step, { family, key }).finally(() => starting.delete(key));
  starting.set(key, start);
  const begun = await start;
  if (!("refusal" in begun)) return begun.enter(step.messages);
  if (step.isTurn !== true) refused.set(key, begun.refusal);
  return begun;
}

function newFamily(): Family {
  return { runs: new Map(), starting: new Map(), paused: new Set(), refused: new Map() };
}

async function started(
  settings: RunSettings,
  step: RunStep,
  { family: { runs, paused }, key }: Place,
): Promise<LiveRun | { readonly refusal: Denied }> {
  const begun = await startRun(settings, step);
  if ("refusal" in begun) return begun;
  const run = new LiveRun(begun, {
    plane: settings.plane,
    isPaused: () => paused.has(key),
    pause: () => paused.add(key),
    forget: () => runs.delete(key),
  });
  runs.set(key, run);
  return run;
}

function controlOfRun(): object | undefined {
  const config: LangGraphRunnableConfig | undefined = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  return config?.control;
}

/**
 * An application may share one control among runs, and every agent inside a tool gets that of the outer run. Who acts is
 * fixed for all that are kept here, but for what the run itself says.
 */
function keyOf({ identity: { fromRun } }: RunSettings, run: RunFacts): string {
  const { thread_id: threadId, run_id: runId } = run.configurable ?? {};
  const claim = fromRun === undefined ? undefined : claimOf(fromRun, run);
  return JSON.stringify([placeOf(run), threadId, runId, claim]);
}
