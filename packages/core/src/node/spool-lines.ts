import { open } from "node:fs/promises";

import type { ChainedLine } from "../audit/audit-record.ts";
import { readStoredLine } from "../audit/chain.ts";
import { spoolCorrupt } from "./delivery-cursor.ts";

const LINE_BREAK = 10;

/** Number of the first of some lines. */
export function firstSeq(lines: Buffer, name: string): number {
  const first = readStoredLine(lines.toString("utf8", 0, lines.indexOf(LINE_BREAK)));
  if (first === undefined) throw spoolCorrupt(name);
  return first.seq;
}

/** The lines before a number, and the last of them. */
export function linesBefore(
  end: number,
  lines: Buffer,
  name: string,
): { readonly bytes: Buffer; readonly last: ChainedLine } | undefined {
  for (let bytes = lines; bytes.length > 0;) {
    const from = bytes.lastIndexOf(LINE_BREAK, bytes.length - 2) + 1;
    const last = readStoredLine(bytes.subarray(from, -1).toString("utf8"));
    if (last === undefined) throw spoolCorrupt(name);
    if (last.seq < end) return { bytes, last };
    bytes = bytes.subarray(0, from);
  }
  return undefined;
}

/** Whole lines from a place in a file, as many as fit, one at least. */
export async function readLines(file: string, offset: number, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    for (let want = maxBytes; ; want *= 2) {
      const bytes = Buffer.alloc(want);
      // oxlint-disable-next-line no-await-in-loop -- a longer look when one line is longer than a batch
      const { bytesRead } = await handle.read(bytes, 0, want, offset);
      const whole = bytes.subarray(0, bytesRead).lastIndexOf(LINE_BREAK) + 1;
      if (whole > 0 || bytesRead < want) return bytes.subarray(0, whole);
    }
  } finally {
    await handle.close();
  }
}
