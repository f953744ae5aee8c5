import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import type { Clock, Hash, Logger, Timers } from "../base/ports.ts";
import { isHeld, isHeldUnseen, lockFile, lockName } from "./directory-lock.ts";
import { LOCK_LOST_MS } from "./held-lock.ts";
import type { Processes } from "./processes.ts";
import { removeLeftovers } from "./remove-leftovers.ts";
import { listWriters, segmentName } from "./segment-files.ts";
import { SegmentSeal, type SegmentSealOptions } from "./segment-seal.ts";
import { repairTornTail } from "./torn-tail.ts";
import { detachNewest, findTrailEnd } from "./trail-end.ts";
import { resumedRecord } from "./trail-records.ts";

/** What adopting needs beside what sealing needs. */
export interface AdoptOptions extends SegmentSealOptions {
  /** The writer that this process is. */
  readonly writer: number;
  readonly hash: Pick<Hash, "sha256">;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly processes: Processes | undefined;
  /** Writes a record of what was repaired or taken over to this process's own trail; settles when it is on the disk. */
  record(record: ControlRecord): Promise<void>;
}

/**
 * Ends what writers that are gone have left: sets aside a line that a crash tore, and seals what no checkpoint covers.
 * A process that starts while others run would else leave them open until as many run at once again. A writer whose
 * checkpoints do not count is left as it is, loudly: to seal it would sign what somebody has put there. Those of other
 * machines and containers are looked at again, for they cannot be seen to end.
 */
export class Adoption {
  readonly #options: AdoptOptions;
  #running: Promise<void>;
  #stopTimer: (() => void) | undefined;
  #isEnded = false;

  constructor(options: AdoptOptions) {
    const { directory, files, writer: own } = options;
    this.#options = options;
    const others = listWriters(directory, files).filter(({ writer }) => writer !== own);
    this.#running = this.#adopt(others.map(({ writer }) => writer));
  }

  /** Begins no more; settles when what was begun is done, and never rejects. */
  end(): Promise<void> {
    this.#isEnded = true;
    this.#stopTimer?.();
    return this.#running;
  }

  async #adopt(writers: readonly number[]): Promise<void> {
    const { directory, logger, timers } = this.#options;
    const unseen: number[] = [];
    for (const writer of writers) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- few, and one after the other in one trail
        await adopt(writer, this.#options);
      } catch (error) {
        if (isHeldUnseen(error)) unseen.push(writer);
        if (isHeld(error)) continue;
        const why = error instanceof AgentplaneError ? error.message : String(error);
        const message = `what writer ${writer} of the audit directory ${directory} has left cannot be sealed: ${why}`;
        logger.error(message, { directory, writer });
      }
    }
    if (unseen.length === 0 || this.#isEnded) return;
    this.#stopTimer = timers.set(() => {
      this.#running = this.#adopt(unseen);
    }, LOCK_LOST_MS);
  }
}

async function adopt(writer: number, options: AdoptOptions): Promise<void> {
  const { directory, files, hash, clock, record } = options;
  const lock = lockFile(lockName(writer), options);
  try {
    if (lock.isOfUnseen) detachNewest(writer, options);
    removeLeftovers(writer, directory, files);
    const end = findTrailEnd(writer, options);
    const place = { writer, number: end.number };
    for (const repair of repairTornTail(writer, end.torn, {
      directory,
      files,
      hash,
      nowMs: clock.wallMs(),
    })) {
      // oxlint-disable-next-line no-await-in-loop -- seldom more than one
      await record(repair.record);
      repair.told();
    }
    if (end.unsealed === 0) return;
    // Told before it is sealed: after that nobody can tell these lines from those that were sealed as they were written.
    await record(resumedRecord(place, end, clock.wallMs()));
    // Whatever a checkpoint says is there must be there after a crash.
    const file = files.openSegment(path.join(directory, segmentName(place)));
    await file.sync().finally(async () => file.close());
    lock.confirm();
    await new SegmentSeal(options, { ...end, writer }).seal();
  } finally {
    lock.release();
  }
}
