import type { PartFile, PartQuestion, PartReport } from "./segment-part.ts";

/** Parts to be checked; whoever is free takes the next. */
export interface PartJob extends PartFile, PartQuestion {
  readonly count: number;
  /** One number, shared by all threads: the next part. */
  readonly next: Int32Array;
}

/** A part and what it says of itself. */
export type CheckedPart = readonly [index: number, report: PartReport];

/** A job as a thread is given it, and its answer as it comes back. */
export interface NumberedJob {
  /** Answers to jobs that nobody waits for any more come late, and must not be taken for others. */
  readonly id: number;
  readonly job: PartJob;
}

/** The answer to a {@link NumberedJob}. */
export interface NumberedAnswer {
  readonly id: number;
  readonly checked: readonly CheckedPart[];
}

/** The next part that nobody has taken; undefined when there is none. */
export function takePart({ next, count }: PartJob): number | undefined {
  const index = Atomics.add(next, 0, 1);
  return index < count ? index : undefined;
}

/** What comes after a part that is not good is not looked at: a file may be made longer than anybody wants to read. */
export function takeNoMore({ next, count }: PartJob): void {
  Atomics.store(next, 0, count);
}
