import path from "node:path";

import { readStoredLine } from "../audit/chain.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { CheckpointTrust } from "./checkpoint-trust.ts";
import { filesOf, segmentName } from "./segment-files.ts";
import { openNote, unsignedNote } from "./signed-note.ts";

/** The first byte that was not delivered. */
export interface DeliveryCursor {
  readonly segment: number;
  readonly offset: number;
  /** Number of the line that begins there. */
  readonly seq: number;
}

/** Where the cursor and its spool are. */
export interface CursorPlace {
  readonly directory: string;
  readonly files: Pick<AuditFileSystem, "list" | "read" | "readText" | "size" | "replace">;
  /** The id of the spool's trail: the cursor of another spool is none of this. */
  readonly trail: string;
  readonly trust: CheckpointTrust;
}

const FILE = "delivered.note";
const NOTE =
  /^agentplane audit delivery\/([0-9a-f]{32})\nsegment (\d{1,15})\noffset (\d{1,15})\nseq (\d{1,15})\n$/;
const LINE_BREAK = 10;

/**
 * Remembers across restarts what was delivered, signed like a checkpoint: who could set it forward would have records
 * skipped, and removed as delivered. Set back it sends again what a service has, and knows by its key and hash.
 */
export class DeliveryCursorFile {
  readonly #place: CursorPlace;
  readonly #path: string;

  constructor(place: CursorPlace) {
    this.#place = place;
    this.#path = path.join(place.directory, FILE);
  }

  /** Keeps it on the disk. */
  async write({ segment, offset, seq }: DeliveryCursor): Promise<void> {
    const { files, trail, trust } = this.#place;
    const text = `agentplane audit delivery/${trail}\nsegment ${segment}\noffset ${offset}\nseq ${seq}\n`;
    await files.replace(this.#path, trust.signer?.sign(text) ?? unsignedNote(text));
  }

  /**
   * Reads where delivery goes on; at the first line where nothing was delivered.
   * @throws AgentplaneError `audit_corrupt` when it is not as this process or a trusted one wrote it, or no line of the
   *   spool begins there
   */
  read(): DeliveryCursor {
    const { directory, files } = this.#place;
    const { segments } = filesOf(1, directory, files);
    const [first = 1] = segments;
    if (!files.list(directory).includes(FILE))
      return { segment: first, offset: 0, seq: this.#lineAt(first, 0) ?? 0 };
    const cursor = this.#parse(files.readText(this.#path));
    if (cursor === undefined) throw spoolCorrupt(FILE);
    const { segment, offset, seq } = cursor;
    if (segment > Math.max(...segments, 1)) throw spoolCorrupt(FILE);
    // Removed with all that was delivered of it.
    if (!segments.includes(segment)) return cursor;
    const found = this.#lineAt(segment, offset) ?? this.#lineAfter(segment, offset);
    if (found !== seq && (offset > 0 || found !== undefined)) throw spoolCorrupt(FILE);
    return cursor;
  }

  #parse(note: string): DeliveryCursor | undefined {
    const { trust, trail } = this.#place;
    const opened = openNote(note, trust.keys);
    if (opened === undefined) return undefined;
    const isUnsigned = trust.hasUnsigned && opened.signatures === 0;
    if (opened.signedBy.length === 0 && !isUnsigned) return undefined;
    const [, id, segment, offset, seq] = NOTE.exec(opened.text) ?? [];
    if (id !== trail) return undefined;
    return { segment: Number(segment), offset: Number(offset), seq: Number(seq) };
  }

  /** Number of the line that begins at a place; undefined when none does. */
  #lineAt(segment: number, offset: number): number | undefined {
    const bytes = this.#bytesOf(segment);
    if (offset > 0 && bytes[offset - 1] !== LINE_BREAK) return undefined;
    const end = bytes.indexOf(LINE_BREAK, offset);
    return end === -1 ? undefined : readStoredLine(bytes.toString("utf8", offset, end))?.seq;
  }

  /** Number of the line after the last, where a place is the end of the file. */
  #lineAfter(segment: number, offset: number): number | undefined {
    const bytes = this.#bytesOf(segment);
    if (offset !== bytes.length || bytes.at(-1) !== LINE_BREAK) return undefined;
    const start = bytes.lastIndexOf(LINE_BREAK, bytes.length - 2) + 1;
    const last = readStoredLine(bytes.toString("utf8", start, bytes.length - 1));
    return last && last.seq + 1;
  }

  #bytesOf(segment: number): Buffer {
    const { directory, files } = this.#place;
    const name = segmentName({ writer: 1, number: segment });
    if (!files.list(directory).includes(name)) return Buffer.alloc(0);
    const bytes = files.read(path.join(directory, name));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

/** What to say of a spool that was changed. */
export function spoolCorrupt(file: string): AgentplaneError {
  const message = `${path.basename(file)} is not as it was written; verify the spool, then move it away`;
  return new AgentplaneError("audit_corrupt", message, { data: { file: path.basename(file) } });
}
