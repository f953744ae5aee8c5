import { AgentplaneError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { SlicedWork } from "../base/sliced-work.ts";
import type { PolicySource } from "../policy/policy.ts";

/**
 * What became of a load: it is in force, or a later one of the same source took its place before it was, which is no
 * error.
 */
export type LoadOutcome = "in_force" | "superseded";

/** Loading, up to the swap; returns what is left to do after it. */
export type LoadWork = SlicedWork<SlicedWork<void> | undefined>;

/** Loads that run in slices between other work, one after the other. */
export interface LoadQueue {
  /**
   * Starts a load; an earlier one of the source that is not in force yet is dropped.
   * @throws (rejects) what the work throws
   */
  start(source: PolicySource, work: LoadWork): Promise<LoadOutcome>;
  /** Drops the load of a source that is not in force yet: a later change takes its place. */
  drop(source: PolicySource): void;
  /** Ends the load of a source at once, before a change that builds on it. */
  finish(source: PolicySource): void;
}

/**
 * Milliseconds after which a slice ends: less than a third of the two that a slice may take, because the step under way
 * is ended first, and some take longer than most.
 */
const SLICE_MS = 0.6;

interface RunningLoad {
  /** Undefined when it is in force and only the rest is being done. */
  readonly source: PolicySource | undefined;
  readonly work: SlicedWork<SlicedWork<void> | undefined | void>;
  readonly settle: (outcome: LoadOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** Creates the queue of a plane. */
export function createLoadQueue({ clock, defer }: Pick<Ports, "clock" | "defer">): LoadQueue {
  const queue: RunningLoad[] = [];
  let isScheduled = false;
  let stepping: RunningLoad | undefined;
  const remove = (load: RunningLoad): void => {
    const at = queue.indexOf(load);
    if (at !== -1) queue.splice(at, 1);
  };
  /** Does the next step of a load; false when it has ended. */
  const step = (load: RunningLoad): boolean => {
    try {
      stepping = load;
      const { done, value } = load.work.next();
      if (done !== true) return true;
      remove(load);
      if (value !== undefined) queue.unshift({ ...load, source: undefined, work: value });
      load.settle("in_force");
    } catch (error) {
      remove(load);
      load.fail(error);
    } finally {
      stepping = undefined;
    }
    return false;
  };
  const runSlice = (): void => {
    isScheduled = false;
    const [load] = queue;
    if (load === undefined) return;
    const endMs = clock.elapsedMs() + SLICE_MS;
    while (step(load) && clock.elapsedMs() < endMs);
    schedule();
  };
  const schedule = (): void => {
    if (isScheduled || queue.length === 0) return;
    isScheduled = true;
    defer(runSlice);
  };
  const loadOf = (source: PolicySource): RunningLoad | undefined => {
    const load = queue.find((one) => one.source === source);
    if (load === undefined || load !== stepping) return load;
    const message = `policies of ${source} cannot be changed by a rule that is being compiled for it`;
    throw new AgentplaneError("usage_invalid", `${message}; change them once it is in force`);
  };
  const drop = (source: PolicySource): void => {
    const load = loadOf(source);
    if (load === undefined) return;
    remove(load);
    load.work.return(undefined);
    load.settle("superseded");
  };
  return {
    start(source, work) {
      drop(source);
      return new Promise((resolve, reject) => {
        queue.push({ source, work, settle: resolve, fail: reject });
        schedule();
      });
    },
    drop,
    finish(source) {
      const load = loadOf(source);
      if (load === undefined) return;
      let isOpen = step(load);
      while (isOpen) isOpen = step(load);
      schedule();
    },
  };
}
