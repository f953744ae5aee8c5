import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { filesOf, segmentName } from "./segment-files.ts";

/** The first byte that was not delivered. */
export interface DeliveryCursor {
  readonly segment: number;
  readonly offset: number;
  readonly seq: number;
}

/** Where the cursor and its spool are. */
export interface CursorPlace {
  readonly directory: string;
  readonly files: AuditFileSystem;
  /** Remembers across restarts what was delivered. */
  readonly cursorFile: string;
}

/**
 * Reads where delivery goes on; at the first line where nothing was delivered.
 * @throws AgentplaneError `audit_corrupt` when it cannot be read or lies behind what the spool holds
 */
export function readCursor({ files, cursorFile, directory }: CursorPlace): DeliveryCursor {
  const { segments } = filesOf(1, directory, files);
  if (!files.list(directory).includes(path.basename(cursorFile)))
    return { segment: segments[0] ?? 1, offset: 0, seq: 0 };
  const cursor = parseCursor(files.readText(cursorFile));
  if (cursor === undefined) throw spoolCorrupt(cursorFile);
  const { segment, offset } = cursor;
  const file = path.join(directory, segmentName({ writer: 1, number: segment }));
  // Lines that were delivered are gone: what is written now would stand before the place to go on from.
  const isShort = segments.includes(segment) && files.size(file) < offset;
  if (isShort || segment > Math.max(...segments, 1)) throw spoolCorrupt(file);
  return cursor;
}

function parseCursor(text: string): DeliveryCursor | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    // The caller says which file it is.
    return undefined;
  }
  if (!isJsonObject(found)) return undefined;
  const { segment, offset, seq } = found;
  if (typeof segment !== "number" || typeof offset !== "number" || typeof seq !== "number") return undefined;
  return { segment, offset, seq };
}

/** What to say of a spool that was changed. */
export function spoolCorrupt(file: string): AgentplaneError {
  const message = `${path.basename(file)} is not as it was written; verify the spool, then move it away`;
  return new AgentplaneError("audit_corrupt", message, { data: { file: path.basename(file) } });
}
