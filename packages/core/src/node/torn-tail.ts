import path from "node:path";

import type { ControlRecord } from "../audit/audit-record.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { TornTail } from "./trail-end.ts";

/** What a repair works with. */
export interface RepairOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly hash: Pick<Hash, "sha256">;
  /** Epoch ms. */
  readonly nowMs: number;
}

/**
 * Takes a line that a crash tore off a segment: first it is kept in a file beside it, then the segment is cut, so that
 * a crash in between loses nothing either.
 * @returns The record that reports it, to be the next line of the trail.
 */
export function repairTornTail(
  torn: TornTail,
  { directory, files, hash, nowMs }: RepairOptions,
): ControlRecord {
  const { segment, size, bytes } = torn;
  const keptIn = keep(bytes, path.join(directory, `${segment}.torn`), files);
  files.truncate(path.join(directory, segment), size);
  return {
    kind: "control",
    at: nowMs,
    action: "audit_repaired",
    by: "audit",
    subject: segment,
    reason: "a crash tore the last line; it was never acknowledged",
    data: {
      segment,
      bytes: bytes.length,
      keptIn: path.basename(keptIn),
      // Of the text as UTF-8 reads it: a tear may split a character.
      sha256: hash.sha256(new TextDecoder().decode(bytes)),
    },
  };
}

function keep(bytes: Uint8Array, name: string, files: AuditFileSystem): string {
  for (let number = 1; ; number++) {
    const file = `${name}-${number}`;
    if (files.createExclusive(file, bytes)) return file;
  }
}
