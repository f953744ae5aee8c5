/** A window as JSON: what a store that outlives the process keeps of it. */
export type SavedWindow =
  | {
      readonly kind: "log";
      readonly windowMs: number;
      /** The first call's time, then how much later each one was than the one before. */
      readonly times: readonly number[];
    }
  | {
      readonly kind: "buckets";
      readonly windowMs: number;
      readonly sums: readonly (readonly [bucket: number, sum: number])[];
    }
  | {
      readonly kind: "calendar";
      readonly unit: "day" | "month";
      readonly timeZone: string;
      readonly startMs: number;
      readonly endMs: number;
      readonly total: number;
    }
  | { readonly kind: "lifetime"; readonly total: number };

/** What was used of one limit within its window. Times never go back; amounts are integers. */
export interface UsageWindow {
  /** The sum that counts now. */
  used(nowMs: number): number;
  /** @param atMs When it was used: now, or earlier for what is found out late. */
  add(amount: number, atMs: number, nowMs: number): void;
  /** Takes back what was added at a time, as far as it still counts. */
  remove(amount: number, atMs: number, nowMs: number): void;
  /** Milliseconds until this much of what is used has left the window; undefined when it never will. */
  freeAfterMs(amount: number, nowMs: number): number | undefined;
  /** When nothing that was added counts any more; Infinity for never. */
  emptyAtMs(nowMs: number): number;
  clear(): void;
  /** What must be kept of it to go on elsewhere. */
  save(): SavedWindow;
}
