import path from "node:path";

import type { ControlRecord } from "../audit/audit-record.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { MAX_READ_BYTES, type TornTail } from "./trail-end.ts";

/** What a repair works with. */
export interface RepairOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly hash: Pick<Hash, "sha256">;
  /** Epoch ms. */
  readonly nowMs: number;
}

/** A line that a crash tore, and that was taken off its segment. */
export interface Repair {
  /** Reports it, to be the next line of the trail. */
  readonly record: ControlRecord;
  /** To be called when the record is on the disk: until then every start reports it. */
  told(): void;
}

/** `audit-000001.jsonl.torn-1`, with this ending while no record on the disk tells of it. */
const UNTOLD = ".untold";
const KEPT = /^(audit(?:\.(\d{1,9}))?-(\d{6,15})\.jsonl)\.torn-(\d+)(\.untold)?$/;

/**
 * Takes a line that a crash tore off a segment: first it is kept in a file beside it, then the segment is cut. Whichever
 * step another crash comes between, nothing is lost, and the next start reports it.
 * @param torn What is to be taken off now, if anything.
 * @returns All that no record on the disk tells of yet, of this start or an earlier one.
 * @throws AgentplaneError `audit_corrupt` for a file among them that is longer than any segment
 */
export function repairTornTail(
  writer: number,
  torn: TornTail | undefined,
  options: RepairOptions,
): readonly Repair[] {
  const { directory, files } = options;
  if (torn !== undefined) {
    keep(torn, options);
    files.truncate(path.join(directory, torn.segment), torn.size);
  }
  return keptOf(writer, options).flatMap((kept) => (kept.isUntold ? [repairOf(kept, options)] : []));
}

/** A file with half a line. */
interface Kept {
  readonly name: string;
  readonly segment: string;
  /** From 1, of its segment. */
  readonly number: number;
  readonly isUntold: boolean;
}

function keptOf(writer: number | undefined, { directory, files }: RepairOptions): readonly Kept[] {
  return files.list(directory).flatMap((name) => {
    const [, segment = "", of = "1", , number = "", untold] = KEPT.exec(name) ?? [];
    if (segment === "" || (writer !== undefined && Number(of) !== writer)) return [];
    return [{ name, segment, number: Number(number), isUntold: untold !== undefined }];
  });
}

function keep({ segment, bytes }: TornTail, options: RepairOptions): void {
  const { directory, files } = options;
  const kept = keptOf(undefined, options).filter((file) => file.segment === segment);
  // A crash came before the cut.
  if (kept.some((file) => file.isUntold && holds(path.join(directory, file.name), bytes, files))) return;
  const number = 1 + Math.max(0, ...kept.map((file) => file.number));
  files.createExclusive(path.join(directory, `${segment}.torn-${number}${UNTOLD}`), bytes);
}

function holds(file: string, bytes: Uint8Array, files: AuditFileSystem): boolean {
  return files.size(file) === bytes.length && Buffer.compare(files.read(file), bytes) === 0;
}

function repairOf({ name, segment }: Kept, { directory, files, hash, nowMs }: RepairOptions): Repair {
  const file = path.join(directory, name);
  if (files.size(file) > MAX_READ_BYTES) {
    const message = `${name} is longer than any segment; look who put it there, and move it away`;
    throw new AgentplaneError("audit_corrupt", message, { data: { path: file } });
  }
  const bytes = files.read(file);
  const keptIn = name.slice(0, -UNTOLD.length);
  return {
    record: {
      kind: "control",
      at: nowMs,
      action: "audit_repaired",
      by: "audit",
      subject: segment,
      reason: "a crash tore the last line; it was never acknowledged",
      data: {
        segment,
        bytes: bytes.length,
        keptIn,
        // Of the text as UTF-8 reads it: a tear may split a character.
        sha256: hash.sha256(new TextDecoder().decode(bytes)),
      },
    },
    told: () => files.rename(file, path.join(directory, keptIn)),
  };
}
