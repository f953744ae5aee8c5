import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { hasCode } from "./system-error.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** Longer segments are not compressed: decompressing holds a whole one in memory. */
export const MAX_COMPRESSED_BYTES = 1024 * 1024 * 1024;

/** What a compressed segment holds, or why that cannot be told. */
export type Inflated = { readonly bytes: Buffer } | { readonly failure: string };

const decompress = promisify(gunzip);

/**
 * Decompresses a segment, and no more of it than its checkpoint seals: some kilobytes of gzip can be gigabytes.
 */
export async function inflateSegment(
  packed: Uint8Array,
  checkpoint: Pick<Checkpoint, "bytes">,
): Promise<Inflated> {
  const bytes = Math.min(checkpoint.bytes, MAX_COMPRESSED_BYTES);
  try {
    // Zero would mean no limit.
    return { bytes: await decompress(packed, { maxOutputLength: Math.max(bytes, 1) }) };
  } catch (error) {
    if (!hasCode(error, "ERR_BUFFER_TOO_LARGE")) return { failure: "its compressed bytes are damaged" };
    return { failure: `it decompresses to more than the ${bytes} bytes that its checkpoint seals` };
  }
}
