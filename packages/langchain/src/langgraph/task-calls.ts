import type { RunFacts } from "../call/identity.ts";
import { taskIdOf } from "../call/provider-calls.ts";

/** Tasks whose calls are kept apart: beyond this many the one that was used least recently is forgotten. */
const MAX_TASKS = 10_000;

/** One call, from its beginning to its end. */
export interface TaskCall {
  /** Absent outside a task of LangGraph: such a call cannot be resumed. */
  readonly callId: string | undefined;
  /** The name of the same call made once more, where another process has already made it. */
  again(): string | undefined;
  /** @param hasRun Whether it ran: what comes at its place is then another call, and no new attempt. */
  end(hasRun: boolean): void;
}

/**
 * Names calls that have no id of their own, models and tools that a node of a graph calls itself, by their place in the
 * node. A paused node runs again from the top: what had run is then a new call, while the one that waits for an
 * approval is found again.
 */
export interface TaskCalls {
  start(run: RunFacts): TaskCall;
}

interface Task {
  /** Names the execution: LangGraph makes one scratchpad for each. */
  execution: unknown;
  /** How often the call at each place has run in earlier executions. */
  readonly before: number[];
  /** Places whose call runs now, or ran in this execution. */
  readonly taken: Map<number, "running" | "ran">;
}

const NAMELESS: TaskCall = { callId: undefined, again: () => undefined, end: () => undefined };

const OF_PLANES = new WeakMap<object, TaskCalls>();

/** The calls of a plane: two models or tools that one node calls must not take each other's place. */
export function taskCallsOf(plane: object): TaskCalls {
  const known = OF_PLANES.get(plane) ?? createTaskCalls();
  OF_PLANES.set(plane, known);
  return known;
}

/** Keeps the calls of tasks apart, in memory. */
function createTaskCalls(): TaskCalls {
  const tasks = new Map<string, Task>();
  const taskOf = (id: string, execution: unknown): Task => {
    const task = tasks.get(id) ?? { execution, before: [], taken: new Map<number, "running" | "ran">() };
    tasks.delete(id);
    tasks.set(id, task);
    const [oldest] = tasks.keys();
    if (tasks.size > MAX_TASKS && oldest !== undefined) tasks.delete(oldest);
    if (task.execution === execution) return task;
    for (const [place, state] of task.taken) {
      if (state === "ran") task.before[place] = (task.before[place] ?? 0) + 1;
    }
    task.taken.clear();
    task.execution = execution;
    return task;
  };
  return {
    start(run) {
      const id = taskIdOf(run);
      if (id === undefined) return NAMELESS;
      const { taken, before } = taskOf(id, run.configurable?.["__pregel_scratchpad"]);
      let place = 0;
      while (taken.has(place)) place++;
      taken.set(place, "running");
      const name = (): string => {
        const again = before[place] ?? 0;
        return `${id}:${place}${again === 0 ? "" : `:${again}`}`;
      };
      return {
        callId: name(),
        again() {
          before[place] = (before[place] ?? 0) + 1;
          return name();
        },
        end(hasRun) {
          if (hasRun) taken.set(place, "ran");
          else taken.delete(place);
        },
      };
    },
  };
}
