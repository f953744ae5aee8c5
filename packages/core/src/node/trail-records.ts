import type { ControlRecord } from "../audit/audit-record.ts";
import type { JsonObject } from "../base/json.ts";
import { segmentName, type SegmentPlace } from "./segment-files.ts";
import type { TrailEnd } from "./trail-end.ts";

/** A record of what the trail itself did with one of its segments. */
export function trailRecord(
  action: "audit_checkpoint" | "audit_pruned" | "audit_resumed",
  place: SegmentPlace,
  { at, data }: { readonly at: number; readonly data: JsonObject },
): ControlRecord {
  return { kind: "control", at, action, by: "audit", subject: segmentName(place), data };
}

/**
 * The record of lines that are sealed as they were found: after a crash they are as good as the disk, but somebody who
 * writes the directory could have put them there.
 */
export function resumedRecord(place: SegmentPlace, end: TrailEnd, at: number): ControlRecord {
  const { unsealed, start, hashes } = end;
  const data = { unsealed, fromSeq: start.seq + hashes.length - unsealed };
  return {
    ...trailRecord("audit_resumed", place, { at, data }),
    reason: "no checkpoint seals these lines; they are taken over as they were found",
  };
}
