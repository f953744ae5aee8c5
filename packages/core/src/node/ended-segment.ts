import path from "node:path";

import type { AuditFileSystem } from "./audit-file-system.ts";
import { checkSegmentBytes } from "./check-segment.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { inflateSegment } from "./inflate-segment.ts";
import { compressedName, segmentName, type WriterFiles } from "./segment-files.ts";

/** Where an ended segment lies. */
export interface EndedSegmentPlace {
  readonly directory: string;
  readonly files: Pick<AuditFileSystem, "read" | "size">;
  readonly compressed: WriterFiles["compressed"];
}

/**
 * Why an ended segment is not what its checkpoint seals, whole and nothing else; undefined when it is. Reads all of it.
 */
export async function differsFromSealed(
  checkpoint: Checkpoint,
  { directory, files, compressed }: EndedSegmentPlace,
): Promise<string | undefined> {
  const { start, size, root, bytes: length } = checkpoint;
  const isCompressed = compressed.has(checkpoint.number);
  const file = path.join(directory, isCompressed ? compressedName(checkpoint) : segmentName(checkpoint));
  // Before it is read: a file may be made as long as one likes.
  if (files.size(file) > length + (isCompressed ? GZIP_SLACK_BYTES : 0))
    return `it is longer than the ${length} bytes that its checkpoint seals`;
  const content = files.read(file);
  const inflated = isCompressed ? await inflateSegment(content, checkpoint) : { bytes: bufferOf(content) };
  if ("failure" in inflated) return inflated.failure;
  const found = await checkSegmentBytes(inflated.bytes, { start, sealed: size, watched: [] });
  if (!found.isWhole || found.good !== size || found.root !== root)
    return "its lines are not those that its checkpoint seals";
  return undefined;
}

/** What gzip may add to bytes that cannot be made shorter. */
const GZIP_SLACK_BYTES = 64 * 1024;

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
