import type { ControlRecord } from "../audit/audit-record.ts";
import type { ChainPosition } from "../audit/chain.ts";
import type { SegmentLines } from "./segment-tail.ts";

/** A record on its way to the disk. */
export interface PendingLine {
  /** Canonical text of the record: what is chained anew when the lines before it were lost. */
  readonly record: string;
  /** The stored line, without line break. */
  readonly line: string;
  readonly hash: string;
  /** Someone waits for it, and is told when it could not be written; else it is kept and tried again. */
  readonly isAwaited: boolean;
}

/** A batch that was handed to the disk. */
export interface CommitGroup {
  readonly batch: CommitBatch;
  /** The record of what was lost before it, among its lines. */
  readonly gap: ControlRecord | undefined;
  /** The place after its lines. */
  readonly end: ChainPosition;
  /** Never rejects. */
  readonly written: Promise<{ readonly error: unknown } | undefined>;
}

/** What is written together, and who waits for it. */
export class CommitBatch {
  readonly lines: PendingLine[] = [];
  /** About its size in bytes. */
  chars = 0;
  /** Must reach the disk, not only the system. */
  isDurable = false;
  #done: Waiting | undefined;
  #sealed: Waiting | undefined;

  push(line: PendingLine): void {
    this.lines.push(line);
    this.chars += line.line.length + 1;
  }

  /** The text and the hashes of its lines. */
  written(): SegmentLines {
    let text = "";
    for (const { line } of this.lines) text += `${line}\n`;
    return { text, hashes: this.lines.map(({ hash }) => hash) };
  }

  /** Takes the lines out again; who waits goes on waiting. */
  clear(): void {
    this.lines.length = 0;
    this.chars = 0;
  }

  /** The promise of everyone who waits for this batch; made for the first, a rejection nobody awaits ends a process. */
  done(): Promise<void> {
    this.#done ??= createWaiting();
    return this.#done.promise;
  }

  /** The promise of everyone who waits until it is sealed by a checkpoint. */
  sealed(): Promise<void> {
    this.#sealed ??= createWaiting();
    return this.#sealed.promise;
  }

  /** Whether someone waits for a checkpoint. */
  get isToBeSealed(): boolean {
    return this.#sealed !== undefined;
  }

  /** Whether there is anything to do. */
  get isEmpty(): boolean {
    return this.lines.length === 0 && this.#done === undefined && this.#sealed === undefined;
  }

  /** Whether someone waits for it now. */
  get isAwaited(): boolean {
    return this.#done !== undefined || this.#sealed !== undefined;
  }

  settle(error?: Error): void {
    if (error === undefined) return this.#done?.resolve();
    this.#done?.reject(error);
    this.#sealed?.reject(error);
  }

  /** Tells whoever waits for the checkpoint. */
  settleSeal(error?: unknown): void {
    if (error === undefined) this.#sealed?.resolve();
    else this.#sealed?.reject(error);
  }
}

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function createWaiting(): Waiting {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [nobodyWaits, nobodyWaits];
  const promise = new Promise<void>((whenDone, whenFailed) => {
    [resolve, reject] = [whenDone, whenFailed];
  });
  return { promise, resolve, reject };
}

function nobodyWaits(): void {}
