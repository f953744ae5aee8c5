/** Values on their way from one that gives them when they come to one that reads them when it can. */
export interface Channel<T> {
  push(value: T): void;
  /** No more values come; those that wait are still read. */
  close(): void;
  values(): AsyncGenerator<T, void, undefined>;
}

/** Opens a channel for one reader. */
export function createChannel<T>(): Channel<T> {
  const waiting: T[] = [];
  let isClosed = false;
  let wake: (() => void) | undefined;
  const tell = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    push(value) {
      waiting.push(value);
      tell();
    },
    close() {
      isClosed = true;
      tell();
    },
    async *values() {
      for (;;) {
        for (const value of waiting.splice(0)) yield value;
        if (waiting.length > 0) continue;
        if (isClosed) return;
        // oxlint-disable-next-line no-await-in-loop -- a reader waits for what comes next
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
