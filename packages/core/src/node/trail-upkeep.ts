import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import { createSteadyClock, type Clock, type Logger, type SteadyClock } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { TrustedCheckpoints } from "./checkpoint-trust.ts";
import { differsFromSealed } from "./ended-segment.ts";
import { MAX_COMPRESSED_BYTES } from "./inflate-segment.ts";
import { outdatedSegments, type Retention } from "./retention.ts";
import { compressedName, filesOf, segmentName, type SegmentPlace } from "./segment-files.ts";
import type { SegmentSeal } from "./segment-seal.ts";

/** What upkeep needs. */
export interface TrailUpkeepOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly checkpoints: TrustedCheckpoints;
  /** Where it is said what is removed. */
  readonly seal: Pick<SegmentSeal, "oldest" | "announced">;
  readonly retention: Retention;
  /** Compress ended segments. */
  readonly gzip: boolean;
  /** Asked before a segment is removed. */
  mayRemove(segment: number): boolean;
  /** Writes the next checkpoint. */
  announce(): Promise<void>;
  /** Told of every segment that retention removed. */
  removed(place: SegmentPlace, lines: number): void;
}

const compress = promisify(gzip);

/** Compresses and removes the ended segments of one writer, aside from writing. */
export class TrailUpkeep {
  readonly #options: TrailUpkeepOptions;
  readonly #steady: SteadyClock;
  #work: Promise<void> = Promise.resolve();
  #isEnded = false;

  constructor(options: TrailUpkeepOptions) {
    this.#options = options;
    this.#steady = createSteadyClock(options.clock);
  }

  /** Begins to remove what is outdated and to compress, after a segment was ended. */
  start(ended: SegmentPlace): void {
    if (!this.#isEnded) this.#work = this.#work.then(async () => this.#run(ended));
  }

  /** Settles when nothing is being done any more. */
  end(): Promise<void> {
    this.#isEnded = true;
    return this.#work;
  }

  async #run(ended: SegmentPlace): Promise<void> {
    const { directory, logger } = this.#options;
    try {
      await this.#retain(ended);
      if (this.#options.gzip) await this.#compressAll(ended);
    } catch (error) {
      const why = error instanceof Error ? error.message : "unknown";
      logger.error(
        `ended audit segments in ${directory} could not be removed or compressed (${why}); tried again with the next`,
        { directory },
      );
    }
  }

  /** Finds what is outdated, says so in a checkpoint, and then removes it: nothing is missing that nobody announced. */
  async #retain(ended: SegmentPlace): Promise<void> {
    const { seal, announce } = this.#options;
    const outdated = await this.#removable(ended);
    const last = outdated.at(-1);
    if (last === undefined) return;
    if (seal.oldest <= last.number) {
      seal.oldest = last.number + 1;
      await announce();
    }
    for (const checkpoint of outdated) if (checkpoint.number < seal.announced) this.#remove(checkpoint);
  }

  /**
   * The outdated segments from the oldest on, as long as each is what its checkpoint seals: one that somebody changed
   * stays, to be found, and so do those after it.
   */
  async #removable({ writer, number }: SegmentPlace): Promise<readonly Checkpoint[]> {
    const { directory, files, checkpoints, clock, retention, mayRemove, seal, logger } = this.#options;
    const { segments, compressed } = filesOf(writer, directory, files);
    const kept = segments.filter((segment) => segment <= number);
    const wanted = outdatedSegments(kept, {
      oldest: seal.oldest,
      // The earlier of the two: a wall clock that is set forward must not make everything old at once.
      nowMs: Math.min(clock.wallMs(), this.#steady.nowMs()),
      retention,
      checkpointOf: (segment) => checkpoints.read({ writer, number: segment }),
    });
    const removable: Checkpoint[] = [];
    for (const checkpoint of wanted) {
      if (checkpoint.number === number || !mayRemove(checkpoint.number)) break;
      // oxlint-disable-next-line no-await-in-loop -- one segment in memory at a time
      const differs = await differsFromSealed(checkpoint, { directory, files, compressed });
      if (differs !== undefined) {
        const name = segmentName(checkpoint);
        logger.error(`${name} in ${directory} is kept: ${differs}; verify the directory`, { directory });
        break;
      }
      removable.push(checkpoint);
    }
    return removable;
  }

  #remove(checkpoint: Checkpoint): void {
    const { directory, files, removed } = this.#options;
    files.remove(path.join(directory, segmentName(checkpoint)));
    files.remove(path.join(directory, compressedName(checkpoint)));
    removed(checkpoint, checkpoint.size);
  }

  async #compressAll(ended: SegmentPlace): Promise<void> {
    const { directory, files } = this.#options;
    const { writer, segments, compressed } = filesOf(ended.writer, directory, files);
    for (const number of segments) {
      if (number > ended.number || compressed.has(number)) continue;
      // oxlint-disable-next-line no-await-in-loop -- one segment in memory at a time
      await this.#compress({ writer, number });
    }
  }

  async #compress(place: SegmentPlace): Promise<void> {
    const { directory, files, checkpoints } = this.#options;
    const plain = path.join(directory, segmentName(place));
    const sealed = checkpoints.read(place)?.bytes ?? 0;
    // What is longer than was sealed is left as it is, to be found.
    if (files.size(plain) > sealed || sealed > MAX_COMPRESSED_BYTES) return;
    await files.replace(path.join(directory, compressedName(place)), await compress(files.read(plain)));
    files.remove(plain);
  }
}
