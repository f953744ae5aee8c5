import path from "node:path";

import type { ChainPosition } from "../audit/chain.ts";
import type { Clock } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { checkpointText, type JoinedHead } from "./checkpoint.ts";
import { MerkleTree } from "./merkle-tree.ts";
import { checkpointName, listWriters, type SegmentPlace } from "./segment-files.ts";
import { unsignedNote, type NoteSigner } from "./signed-note.ts";
import { readCheckpoint } from "./trail-end.ts";

/** What sealing needs. */
export interface SegmentSealOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly clock: Pick<Clock, "wallMs">;
  /** Without it checkpoints are not signed. */
  readonly signer: NoteSigner | undefined;
  /** Told of every checkpoint that was written, as its note. */
  sealed(note: string, place: SegmentPlace): void;
}

/** Where sealing goes on. */
export interface SealedFrom extends SegmentPlace {
  readonly start: ChainPosition;
  readonly hashes: readonly string[];
  readonly oldest: number;
}

/** Follows the lines of one writer's segment and seals them with checkpoints. */
export class SegmentSeal {
  readonly #options: SegmentSealOptions;
  readonly #writer: number;
  #number: number;
  #oldest: number;
  #start: ChainPosition;
  #end: ChainPosition;
  #tree = new MerkleTree();
  #sealedSize: number | undefined;

  constructor(options: SegmentSealOptions, from: SealedFrom) {
    this.#options = options;
    this.#writer = from.writer;
    this.#number = from.number;
    this.#oldest = from.oldest;
    this.#start = from.start;
    this.#end = from.start;
    this.add(from.hashes);
    const { directory, files } = options;
    this.#sealedSize = readCheckpoint(from, directory, files)?.size;
  }

  /** Takes lines that are in the file. */
  add(hashes: readonly string[]): void {
    for (const hash of hashes) this.#tree.add(hash);
    this.#end = { seq: this.#end.seq + hashes.length, prev: hashes.at(-1) ?? this.#end.prev };
  }

  /** Whether there are lines that no checkpoint covers. */
  get hasUnsealed(): boolean {
    return this.#tree.size > (this.#sealedSize ?? 0);
  }

  /** The oldest segment that was not removed. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Older segments are about to be removed; said by the next checkpoint, which must be written before that. */
  set oldest(number: number) {
    if (number === this.#oldest) return;
    this.#oldest = number;
    this.#sealedSize = undefined;
  }

  /** Writes the checkpoint of all lines so far, which must be on the disk. Nothing to do: no checkpoint. */
  async seal(): Promise<void> {
    if (this.#tree.size === 0 || this.#sealedSize === this.#tree.size) return;
    const { directory, files, clock, signer, sealed } = this.#options;
    const place = { writer: this.#writer, number: this.#number };
    const size = this.#tree.size;
    const text = checkpointText({
      ...place,
      trail: signer?.name ?? "agentplane",
      size,
      root: this.#tree.root(),
      start: this.#start,
      end: this.#end,
      oldest: this.#oldest,
      at: clock.wallMs(),
      joined: this.#joined(),
    });
    const note = signer?.sign(text) ?? unsignedNote(text);
    await files.replace(path.join(directory, checkpointName(place)), note);
    this.#sealedSize = size;
    sealed(note, place);
  }

  /** Goes on with the next segment. */
  next(): void {
    this.#number += 1;
    this.#start = this.#end;
    this.#tree = new MerkleTree();
    this.#sealedSize = undefined;
  }

  /** How far the others were when they last said so: if one of them loses its end, this tells. */
  #joined(): readonly JoinedHead[] {
    const { directory, files } = this.#options;
    return listWriters(directory, files).flatMap(({ writer, checkpoints }) => {
      const number = checkpoints.at(-1);
      if (writer === this.#writer || number === undefined) return [];
      const head = readCheckpoint({ writer, number }, directory, files);
      return head === undefined ? [] : [{ writer, number, end: head.end }];
    });
  }
}
