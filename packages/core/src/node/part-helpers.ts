import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { CheckedPart, NumberedAnswer, NumberedJob, PartJob } from "./part-job.ts";

/** More threads read a disk no faster. */
const MAX_HELPERS = 3;

/** Threads that check parts of segments beside this one; started when they are first asked. */
export class PartHelpers {
  #workers: Worker[] | undefined;
  #lastId = 0;

  /**
   * Lets every helper take parts of a job until none is left.
   * @returns What each has checked. A helper that fails has checked nothing: what is missing is for the caller to check.
   */
  ask(job: PartJob): readonly Promise<readonly CheckedPart[]>[] {
    this.#workers ??= startWorkers();
    const id = (this.#lastId += 1);
    return this.#workers.map(async (worker) => answerOf(worker, { id, job }));
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    const workers = this.#workers ?? [];
    this.#workers = [];
    await Promise.all(workers.map(async (worker) => worker.terminate()));
  }
}

function startWorkers(): Worker[] {
  // As a source it is TypeScript, in the package a module beside the entry.
  const file = import.meta.url.endsWith(".ts") ? "./part-worker.ts" : "./part-worker.mjs";
  const count = Math.min(availableParallelism() - 1, MAX_HELPERS);
  try {
    return Array.from({ length: count }, () => new Worker(new URL(file, import.meta.url), { execArgv: [] }));
  } catch {
    // Where no worker can be started (a bundle without its file, a sandbox) this thread checks all.
    return [];
  }
}

function answerOf(worker: Worker, job: NumberedJob): Promise<readonly CheckedPart[]> {
  return new Promise((resolve) => {
    const end = (checked: readonly CheckedPart[]): void => {
      worker.off("message", answered).off("error", failed).off("exit", failed);
      resolve(checked);
    };
    const answered = ({ id, checked }: NumberedAnswer): void => {
      if (id === job.id) end(checked);
    };
    const failed = (): void => end([]);
    worker.on("message", answered).on("error", failed).on("exit", failed);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    worker.postMessage(job);
  });
}
