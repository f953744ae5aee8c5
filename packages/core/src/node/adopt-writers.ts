import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import type { Hash, Logger } from "../base/ports.ts";
import { isHeld, lockFile, lockName, type Processes } from "./directory-lock.ts";
import { listWriters, segmentName } from "./segment-files.ts";
import { SegmentSeal, type SegmentSealOptions } from "./segment-seal.ts";
import { repairTornTail } from "./torn-tail.ts";
import { findTrailEnd } from "./trail-end.ts";
import { resumedRecord } from "./trail-records.ts";

/** What adopting needs beside what sealing needs. */
export interface AdoptOptions extends SegmentSealOptions {
  /** The writer that this process is. */
  readonly writer: number;
  readonly hash: Pick<Hash, "sha256">;
  readonly logger: Logger;
  readonly processes: Processes | undefined;
  /** Writes a record of what was repaired or taken over to this process's own trail; settles when it is on the disk. */
  record(record: ControlRecord): Promise<void>;
}

/**
 * Ends what writers that are gone have left: sets aside a line that a crash tore, and seals what no checkpoint covers.
 * A process that starts while others run would else leave them open until as many run at once again. A writer whose
 * checkpoints do not count is left as it is, loudly: to seal it would sign what somebody has put there.
 */
export async function adoptWriters(options: AdoptOptions): Promise<void> {
  const { directory, files, logger } = options;
  for (const { writer } of listWriters(directory, files)) {
    if (writer === options.writer) continue;
    try {
      // oxlint-disable-next-line no-await-in-loop -- few, once
      await adopt(writer, options);
    } catch (error) {
      if (isHeld(error)) continue;
      const why = error instanceof AgentplaneError ? error.message : String(error);
      logger.error(
        `what writer ${writer} of the audit directory ${directory} has left cannot be sealed: ${why}`,
        { directory, writer },
      );
    }
  }
}

async function adopt(writer: number, options: AdoptOptions): Promise<void> {
  const { directory, files, hash, clock, processes, record } = options;
  const release = lockFile(lockName(writer), directory, files, processes);
  try {
    const end = findTrailEnd(writer, options);
    const place = { writer, number: end.number };
    if (end.torn) await record(repairTornTail(end.torn, { directory, files, hash, nowMs: clock.wallMs() }));
    if (end.unsealed === 0) return;
    // Told before it is sealed: after that nobody can tell these lines from those that were sealed as they were written.
    await record(resumedRecord(place, end, clock.wallMs()));
    // Whatever a checkpoint says is there must be there after a crash.
    const file = files.openSegment(path.join(directory, segmentName(place)));
    await file.sync().finally(async () => file.close());
    await new SegmentSeal(options, { ...end, writer }).seal();
  } finally {
    release();
  }
}
