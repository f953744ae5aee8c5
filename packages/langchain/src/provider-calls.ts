import type { RunFacts } from "./identity.ts";

/** Tasks that wait for a human and may never go on: beyond this many the oldest is forgotten. */
const MAX_PAUSED = 10_000;

/** One call of a provider, from its beginning to its end. */
export interface ProviderCall {
  /** Absent outside a task of LangGraph: such a call cannot be resumed. */
  readonly callId: string | undefined;
  /** @param hasRun Whether the provider answered: the next call of the task is then another one, and no new attempt. */
  end(hasRun: boolean): void;
}

/**
 * Tells the calls of a provider apart that are made in one task of LangGraph: retries, fallbacks and second opinions of
 * other middleware. When a paused task goes on, LangGraph runs it from the top and really asks the provider again for
 * what it had asked before: those are new calls, while the one that waits for an approval is found again.
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
}

/** Keeps count for each running task, and for a paused one how often each of its calls has already run. */
export function createProviderCalls(): ProviderCalls {
  // LangGraph makes this object anew for each execution of a task, and gives the same one to every middleware.
  const executions = new WeakMap<object, Execution>();
  const paused = new Map<string, readonly number[]>();
  const executionOf = ({ configurable }: RunFacts): Execution | undefined =>
    configurable === undefined ? undefined : executions.get(configurable);
  return {
    start(run) {
      const execution = executionOf(run) ?? { ran: 0, running: 0 };
      if (run.configurable !== undefined) executions.set(run.configurable, execution);
      const task = taskIdOf(run);
      const position = execution.ran + execution.running++;
      const again = task === undefined ? 0 : (paused.get(task)?.[position] ?? 0);
      return {
        callId: task === undefined ? undefined : nameOf(task, position, again),
        end(hasRun) {
          execution.running--;
          if (hasRun) execution.ran++;
        },
      };
    },
    hasStarted: (run) => executionOf(run) !== undefined,
    end(run, isPaused) {
      const task = taskIdOf(run);
      if (task === undefined) return;
      const before = paused.get(task) ?? [];
      paused.delete(task);
      if (!isPaused) return;
      const { ran = 0 } = executionOf(run) ?? {};
      paused.set(
        task,
        Array.from(
          { length: Math.max(before.length, ran) },
          (_, at) => (before[at] ?? 0) + (at < ran ? 1 : 0),
        ),
      );
      const [oldest] = paused.keys();
      if (paused.size > MAX_PAUSED && oldest !== undefined) paused.delete(oldest);
    },
  };
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
