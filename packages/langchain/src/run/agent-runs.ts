import { AgentplaneError, type Denied, type ResultCodec } from "@agentplane/core";
import type { AIMessage, BaseMessage, ToolMessage } from "@langchain/core/messages";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { LangGraphRunnableConfig } from "@langchain/langgraph";

import { identityOf, type RunFacts } from "../call/identity.ts";
import { readContent } from "../content/message-content.ts";
import { placeOf, startRun, type AgentRun, type RunSettings, type RunStep } from "./run-start.ts";

/** What a run gave: the model's last words, or those of a tool that returns directly. */
export type RunAnswer = AIMessage | ToolMessage | undefined;

/** How a run ended, as far as its calls show; or it pauses, and goes on later. */
export type RunEnd =
  | { readonly answer: RunAnswer }
  | { readonly error: unknown }
  | { readonly isPaused: true };

/** What a run's input became, or why the run must end. */
export type BegunRun = { readonly messages: readonly BaseMessage[] } | { readonly refusal: Denied };

/** The runs of an agent, each decided once before its first call and judged once at its end. */
export interface AgentRuns {
  /**
   * Decides the run, where that has not happened, and asks a human where one is needed.
   * @throws GraphInterrupt while a human is awaited.
   */
  begin(step: RunStep): BegunRun | Promise<BegunRun>;
  /**
   * Judges the run. What goes on afterwards, as after a jump back to the model, is decided as another run; what goes on
   * after a pause, again as this one.
   * @returns Why its answer is withheld, if it is.
   */
  end(run: RunFacts, end: RunEnd): Promise<Denied | undefined>;
  /** A call ended and the run goes on, unless a call beside it pauses. */
  leave(run: RunFacts): void | Promise<unknown>;
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

interface LiveRun extends AgentRun {
  /** Calls between `begin` and `leave`. */
  calls: number;
  /** Ends the run when nothing more comes; undefined until its first call ends. */
  idle: ReturnType<typeof setTimeout> | undefined;
}

/** An abort, a recursion limit or a breakpoint ends a run where no call shows it: between calls nothing takes as long. */
const IDLE_MS = 60_000;

/** Keeps the runs of one agent. */
export function createAgentRuns(settings: RunSettings): AgentRuns {
  // LangGraph makes this object for each run and hands it to every node, and to graphs inside.
  const families = new WeakMap<object, Family>();
  const alone = newFamily();
  // The key with which a call began its run is the one with which it leaves: LangChain makes this object for each call.
  const keys = new WeakMap<RunFacts, string>();
  const keyed = (run: RunFacts): string => {
    const known = keys.get(run);
    if (known !== undefined) return known;
    const key = keyOf(settings, run);
    keys.set(run, key);
    return key;
  };
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
      const key = keyed(step.runtime);
      const { runs, starting, paused, refused } = family;
      if (step.isTurn === true) paused.delete(key);
      const run = starting.has(key) || refused.has(key) ? undefined : runs.get(key);
      return run === undefined ? beginLater(settings, step, { family, key }) : enter(run, step);
    },
    leave(runtime) {
      const { runs, paused } = familyOf();
      const key = keyed(runtime);
      const run = runs.get(key);
      if (run === undefined || --run.calls > 0) return undefined;
      if (paused.has(key)) return this.end(runtime, { isPaused: true });
      waitFor(run, () => idleOf(settings, run, () => void runs.delete(key)));
      return undefined;
    },
    async end(runtime, end) {
      const { runs, paused } = familyOf();
      const key = keyed(runtime);
      if ("isPaused" in end) paused.add(key);
      const run = runs.get(key);
      if (run === undefined) return undefined;
      runs.delete(key);
      clearTimeout(run.idle);
      return ended(settings, run, end);
    },
  };
}

/** One more call of a run. Its timer goes on, for nothing: a call that ends sets it back, which costs less than another one. */
function enter(run: LiveRun, { messages }: RunStep): BegunRun {
  run.calls++;
  return { messages: run.rewrite(messages) };
}

/** Begins a run, or finds out that it may not. */
async function beginLater(
  settings: RunSettings,
  step: RunStep,
  { family, key }: { readonly family: Family; readonly key: string },
): Promise<BegunRun> {
  const { runs, starting, refused } = family;
  // What the first one threw is its own: a pause belongs to the task that made it.
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  while (starting.has(key)) await starting.get(key)?.catch(() => undefined);
  const refusal = refused.get(key);
  if (step.isTurn === true) refused.delete(key);
  if (refusal !== undefined) return { refusal };
  const run = runs.get(key);
  if (run !== undefined) return enter(run, step);
  const start = started(settings, step, { family, key }).finally(() => starting.delete(key));
  starting.set(key, start);
  const begun = await start;
  if (!("refusal" in begun)) return enter(begun, step);
  if (step.isTurn !== true) refused.set(key, begun.refusal);
  return begun;
}

function newFamily(): Family {
  return { runs: new Map(), starting: new Map(), paused: new Set(), refused: new Map() };
}

/** Starts the wait for a next call, or starts it again. */
function waitFor(run: LiveRun, idleOfRun: () => LiveRun["idle"]): void {
  // A number outside of Node.js, whatever the types say.
  const idle = run.idle as { refresh?: () => unknown } | undefined;
  if (idle?.refresh !== undefined) return void idle.refresh();
  clearTimeout(run.idle);
  run.idle = idleOfRun();
}

/** Does not keep a process alive that has nothing else to do. */
function idleOf(settings: RunSettings, run: LiveRun, forget: () => void): LiveRun["idle"] {
  const idle = setTimeout(() => {
    // A call that runs longer than that, after one that had ended.
    if (run.calls > 0) return;
    forget();
    // Made only where it is needed: each error takes a picture of the stack.
    const error = new Error(
      "the run ended where none of its calls showed it: aborted, out of steps, or waiting",
    );
    // Nobody waits for it; what could not be recorded is told by the audit trail's own ways.
    void ended(settings, run, { error }).catch(() => undefined);
  }, IDLE_MS);
  // As above.
  (idle as { unref?: () => unknown }).unref?.();
  return idle;
}

async function started(
  settings: RunSettings,
  step: RunStep,
  { family, key }: { readonly family: Family; readonly key: string },
): Promise<LiveRun | { readonly refusal: Denied }> {
  const begun = await startRun(settings, step);
  if ("refusal" in begun) return begun;
  const run: LiveRun = { ...begun, calls: 0, idle: undefined };
  family.runs.set(key, run);
  return run;
}

async function ended(
  { plane: { guard } }: RunSettings,
  { admission }: AgentRun,
  end: RunEnd,
): Promise<Denied | undefined> {
  if ("isPaused" in end) {
    await guard.suspend(admission);
    return undefined;
  }
  if ("error" in end) {
    const completed = guard.complete(admission, { status: "failed", error: end.error });
    // It throws what it is given; who called does so anyway.
    await Promise.resolve(completed).catch(() => undefined);
    return undefined;
  }
  const outcome = await guard.complete(admission, { status: "ran", result: end.answer, codec: RUN_RESULT });
  return outcome.status === "ran" ? undefined : outcome;
}

function controlOfRun(): object | undefined {
  const config: LangGraphRunnableConfig | undefined = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  return config?.control;
}

/** An application may share one control among runs, and every agent inside a tool gets that of the outer run. */
function keyOf({ identity }: RunSettings, run: RunFacts): string {
  return JSON.stringify([placeOf(run), run.configurable?.["thread_id"], identityOf(identity, run)]);
}

/** What rules see of a run: its last answer; nothing where it has none. */
const RUN_RESULT: ResultCodec<RunAnswer> = {
  read: (answer) => (answer === undefined ? null : readContent(answer)),
  write() {
    // Streams have shown it already.
    throw new AgentplaneError(
      "content_refused",
      "what a run gave cannot be rewritten at after_agent; redact at after_model_call, or block",
    );
  },
};
