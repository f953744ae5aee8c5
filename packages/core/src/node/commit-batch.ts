/** A record on its way to the disk. */
export interface PendingLine {
  /** Canonical text of the record: what is chained anew when the lines before it were lost. */
  readonly record: string;
  /** The stored line, without line break. */
  readonly line: string;
  /** Someone waits for it, and is told when it could not be written; else it is kept and tried again. */
  readonly isAwaited: boolean;
}

/** What is written together, and who waits for it. */
export class CommitBatch {
  readonly lines: PendingLine[] = [];
  /** About its size in bytes. */
  chars = 0;
  /** Must reach the disk, not only the system. */
  isDurable = false;
  #done: Promise<void> | undefined;
  #resolve: () => void = nobodyWaits;
  #reject: (error: Error) => void = nobodyWaits;

  push(line: PendingLine): void {
    this.lines.push(line);
    this.chars += line.line.length + 1;
  }

  /** Takes the lines out again; who waits goes on waiting. */
  clear(): void {
    this.lines.length = 0;
    this.chars = 0;
  }

  /** The promise of everyone who waits for this batch; made for the first, a rejection nobody awaits ends a process. */
  done(): Promise<void> {
    this.#done ??= new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    return this.#done;
  }

  /** Whether there is anything to do. */
  get isEmpty(): boolean {
    return this.lines.length === 0 && this.#done === undefined;
  }

  /** Whether someone waits for it now. */
  get isAwaited(): boolean {
    return this.#done !== undefined;
  }

  settle(error?: Error): void {
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}

function nobodyWaits(): void {}
