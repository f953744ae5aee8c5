import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import type { Clock, Logger } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { compressedName, filesOf, segmentName, type SegmentPlace } from "./segment-files.ts";
import { readCheckpoint } from "./trail-end.ts";

/** How long ended segments are kept. Their checkpoints stay: they tell what was there. */
export interface Retention {
  /** Segments whose last line is older, in ms. Default: no limit. */
  readonly maxMs?: number;
  /** The oldest segments are removed while all ended ones together are longer, in bytes. Default: no limit. */
  readonly maxBytes?: number;
}

/** What upkeep needs. */
export interface TrailUpkeepOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly clock: Pick<Clock, "wallMs">;
  readonly logger: Logger;
  readonly retention: Retention;
  /** Compress ended segments. */
  readonly gzip: boolean;
  /** Asked before a segment is removed. */
  mayRemove(segment: number): boolean;
  /** Told of every segment that retention removed. */
  removed(place: SegmentPlace, lines: number): void;
}

const compress = promisify(gzip);

/** Compresses and removes the ended segments of one writer, aside from writing. */
export class TrailUpkeep {
  readonly #options: TrailUpkeepOptions;
  #work: Promise<void> = Promise.resolve();

  constructor(options: TrailUpkeepOptions) {
    this.#options = options;
  }

  /**
   * Which segments before one that ends now are to be removed; only sealed ones, the oldest first.
   * @param oldest Those before were removed earlier, as the last checkpoint says.
   */
  outdated(ended: SegmentPlace, oldest: number): readonly SegmentPlace[] {
    const { directory, files, clock, retention, mayRemove } = this.#options;
    const { maxMs = Infinity, maxBytes = Infinity } = retention;
    if (maxMs === Infinity && maxBytes === Infinity) return [];
    const { writer, segments, compressed } = filesOf(ended.writer, directory, files);
    const kept = segments.filter((number) => number < ended.number);
    const sizeOf = (number: number): number => {
      const place = { writer, number };
      const name = compressed.has(number) ? compressedName(place) : segmentName(place);
      return files.size(path.join(directory, name));
    };
    let bytes = [...kept, ended.number].reduce((sum, number) => sum + sizeOf(number), 0);
    const outdated: SegmentPlace[] = [];
    for (const number of kept) {
      const sealed = readCheckpoint({ writer, number }, directory, files);
      const isOld = sealed !== undefined && clock.wallMs() - sealed.at > maxMs;
      // What is missing without having been removed must stay missed.
      if (number > (outdated.at(-1)?.number ?? oldest - 1) + 1) break;
      // The oldest first: a trail has one beginning.
      if (sealed === undefined || (!isOld && bytes <= maxBytes) || !mayRemove(number)) break;
      outdated.push({ writer, number });
      bytes -= sizeOf(number);
    }
    return outdated;
  }

  /** Begins to remove and compress; after that the checkpoint says so. */
  start(outdated: readonly SegmentPlace[], ended: SegmentPlace): void {
    this.#work = this.#work.then(async () => this.#run(outdated, ended));
  }

  /** Settles when nothing is being done. */
  done(): Promise<void> {
    return this.#work;
  }

  async #run(outdated: readonly SegmentPlace[], ended: SegmentPlace): Promise<void> {
    const { directory, files, logger } = this.#options;
    try {
      for (const place of outdated) this.#remove(place);
      if (!this.#options.gzip) return;
      const { writer, segments, compressed } = filesOf(ended.writer, directory, files);
      for (const number of segments) {
        if (number > ended.number || compressed.has(number)) continue;
        // oxlint-disable-next-line no-await-in-loop -- one segment in memory at a time
        await this.#compress({ writer, number });
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : "unknown";
      logger.error(
        `ended audit segments in ${directory} could not be removed or compressed (${why}); tried again with the next`,
        { directory },
      );
    }
  }

  #remove(place: SegmentPlace): void {
    const { directory, files, removed } = this.#options;
    const lines = readCheckpoint(place, directory, files)?.size ?? 0;
    files.remove(path.join(directory, segmentName(place)));
    files.remove(path.join(directory, compressedName(place)));
    removed(place, lines);
  }

  async #compress(place: SegmentPlace): Promise<void> {
    const { directory, files } = this.#options;
    const plain = path.join(directory, segmentName(place));
    await files.replace(path.join(directory, compressedName(place)), await compress(files.read(plain)));
    files.remove(plain);
  }
}
