import type { AIMessage } from "@langchain/core/messages";

import type { RunFacts } from "./identity.ts";

/** Tasks that wait for a human and may never go on: beyond this many the oldest is forgotten. */
const MAX_PAUSED = 10_000;

/** What a call that a human allowed has given: allowed once, it is not made again when its task runs from the top. */
export interface AllowedAnswer {
  /** What was asked. */
  readonly request: unknown;
  readonly answer: AIMessage;
}

/** One call of a provider, from its beginning to its end. */
export interface ProviderCall {
  /** Absent outside a task of LangGraph: such a call cannot be resumed. */
  readonly callId: string | undefined;
  /** What the same call gave before the task paused, where a human had to allow it. */
  readonly allowed: AllowedAnswer | undefined;
  /**
   * @param hasRun Whether the provider answered: the next call of the task is then another one, and no new attempt.
   * @param allowed What it gave, where a human had to allow it.
   */
  end(hasRun: boolean, allowed?: AllowedAnswer): void;
}

/**
 * Tells the calls of a provider apart that are made in one task of LangGraph: retries, fallbacks and second opinions of
 * other middleware. When a paused task goes on, LangGraph runs it from the top and really asks the provider again for
 * what it had asked before: those are new calls, while the one that waits for an approval is found again. What a human
 * has allowed is allowed once, and would have to be asked for for ever: its answer is kept for the next run of the task.
 */
export interface ProviderCalls {
  start(run: RunFacts): ProviderCall;
  /** Whether this execution of the task has started any call. */
  hasStarted(run: RunFacts): boolean;
  /** The execution of the task ended; `isPaused`: it will be run again, from the top. */
  end(run: RunFacts, isPaused: boolean): void;
}

interface Execution {
  ran: number;
  running: number;
  /** By position. */
  readonly allowed: Map<number, AllowedAnswer>;
}

/** What is known of a paused task, by the positions of its calls. */
interface Paused {
  /** How often each has run. */
  readonly runs: readonly number[];
  readonly allowed: ReadonlyMap<number, AllowedAnswer>;
}

/** Keeps count for each running task, and for a paused one how often each of its calls has already run. */
export function createProviderCalls(): ProviderCalls {
  // LangGraph makes this object anew for each execution of a task, and gives the same one to every middleware.
  const executions = new WeakMap<object, Execution>();
  const paused = new Map<string, Paused>();
  const executionOf = ({ configurable }: RunFacts): Execution | undefined =>
    configurable === undefined ? undefined : executions.get(configurable);
  return {
    start(run) {
      const execution = executionOf(run) ?? newExecution();
      if (run.configurable !== undefined) executions.set(run.configurable, execution);
      const task = taskIdOf(run);
      const before = task === undefined ? undefined : paused.get(task);
      const position = execution.ran + execution.running++;
      const again = task === undefined ? 0 : (before?.runs[position] ?? 0);
      return {
        callId: task === undefined ? undefined : nameOf(task, position, again),
        allowed: before?.allowed.get(position),
        end(hasRun, allowed) {
          execution.running--;
          if (hasRun) execution.ran++;
          if (allowed !== undefined) execution.allowed.set(position, allowed);
        },
      };
    },
    hasStarted: (run) => executionOf(run) !== undefined,
    end(run, isPaused) {
      const task = taskIdOf(run);
      if (task === undefined) return;
      const { runs: before } = paused.get(task) ?? NEVER_PAUSED;
      paused.delete(task);
      if (!isPaused) return;
      const { ran, allowed } = executionOf(run) ?? newExecution();
      const runs = Array.from(
        { length: Math.max(before.length, ran) },
        (_, at) => (before[at] ?? 0) + (at < ran ? 1 : 0),
      );
      paused.set(task, { runs, allowed });
      const [oldest] = paused.keys();
      if (paused.size > MAX_PAUSED && oldest !== undefined) paused.delete(oldest);
    },
  };
}

const NEVER_PAUSED: Paused = { runs: [], allowed: new Map() };

function newExecution(): Execution {
  return { ran: 0, running: 0, allowed: new Map() };
}

function nameOf(task: string, position: number, again: number): string {
  if (position === 0 && again === 0) return task;
  return again === 0 ? `${task}:${position}` : `${task}:${position}:${again}`;
}

/** LangGraph's id of the running task: the same again when an interrupt is resumed. */
export function taskIdOf({ configurable }: RunFacts): string | undefined {
  const id = configurable?.["__pregel_task_id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** What LangGraph gave the running task: a state, or what was sent to it. */
export function taskInputOf({ configurable }: RunFacts): unknown {
  const pad: unknown = configurable?.["__pregel_scratchpad"];
  return typeof pad === "object" && pad !== null && "currentTaskInput" in pad
    ? pad.currentTaskInput
    : undefined;
}
