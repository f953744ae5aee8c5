import path from "node:path";

import type { ChainPosition } from "../audit/chain.ts";
import type { Clock } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { checkpointText, type JoinedHead } from "./checkpoint.ts";
import type { TrustedCheckpoints } from "./checkpoint-trust.ts";
import { MerkleTree } from "./merkle-tree.ts";
import { checkpointName, listWriters, type SegmentPlace } from "./segment-files.ts";
import { unsignedNote, type NoteSigner } from "./signed-note.ts";

/** What sealing needs. */
export interface SegmentSealOptions {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly clock: Pick<Clock, "wallMs">;
  /** Without it checkpoints are not signed. */
  readonly signer: NoteSigner | undefined;
  /** Whose heads are named; they know the trail. */
  readonly checkpoints: TrustedCheckpoints;
  /** The id of the trail. */
  readonly trail: string;
  /** Told of every checkpoint that was written, as its note. */
  sealed(note: string, place: SegmentPlace): void;
}

/** Where sealing goes on. */
export interface SealedFrom extends SegmentPlace {
  readonly start: ChainPosition;
  readonly hashes: readonly string[];
  /** Length of these lines. */
  readonly bytes: number;
  /** How many of them no checkpoint seals. */
  readonly unsealed: number;
  readonly oldest: number;
}

/** Follows the lines of one writer's segment and seals them with checkpoints. */
export class SegmentSeal {
  readonly #options: SegmentSealOptions;
  readonly #writer: number;
  #number: number;
  #oldest: number;
  /** What the newest checkpoint on the disk says of that. */
  #announced: number;
  #start: ChainPosition;
  #end: ChainPosition;
  #tree = new MerkleTree();
  #bytes = 0;
  /** Lines that the checkpoint on the disk seals; undefined where there is none, or it is to be written anew. */
  #sealedSize: number | undefined;

  constructor(options: SegmentSealOptions, from: SealedFrom) {
    this.#options = options;
    this.#writer = from.writer;
    this.#number = from.number;
    this.#oldest = from.oldest;
    this.#announced = from.oldest;
    this.#start = from.start;
    this.#end = from.start;
    this.add(from.hashes, from.bytes);
    const sealed = options.checkpoints.read(from);
    this.#sealedSize = sealed?.isProof === true ? sealed.size : undefined;
  }

  /** Takes lines that are in the file. */
  add(hashes: readonly string[], bytes: number): void {
    this.#bytes += bytes;
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

  /** The same, as far as a checkpoint on the disk says so. */
  get announced(): number {
    return this.#announced;
  }

  /** Older segments are about to be removed; said by the next checkpoint, which must be written before that. */
  set oldest(number: number) {
    if (number <= this.#oldest) return;
    this.#oldest = number;
    this.#sealedSize = undefined;
  }

  /** Writes the checkpoint of no lines before a segment's first: who plants a segment later cannot write one. */
  async begin(): Promise<void> {
    if (!this.hasBegun) await this.#write();
  }

  /** Whether the segment has lines, or a checkpoint of none. */
  get hasBegun(): boolean {
    return this.#tree.size > 0 || this.#sealedSize !== undefined;
  }

  /** Writes the checkpoint of all lines so far, which must be on the disk. Nothing to do: no checkpoint. */
  async seal(): Promise<void> {
    if (this.#tree.size > 0 && this.#sealedSize !== this.#tree.size) await this.#write();
  }

  async #write(): Promise<void> {
    const { directory, files, clock, signer, sealed, trail } = this.#options;
    const place = { writer: this.#writer, number: this.#number };
    const [size, oldest] = [this.#tree.size, this.#oldest];
    const text = checkpointText({
      ...place,
      name: signer?.name ?? "agentplane",
      trail,
      size,
      root: this.#tree.root(),
      start: this.#start,
      end: this.#end,
      bytes: this.#bytes,
      oldest,
      at: clock.wallMs(),
      joined: this.#joined(),
    });
    const note = signer?.sign(text) ?? unsignedNote(text);
    await files.replace(path.join(directory, checkpointName(place)), note);
    // What is to be removed may have been found meanwhile.
    this.#sealedSize = oldest === this.#oldest ? size : undefined;
    this.#announced = oldest;
    sealed(note, place);
  }

  /** Goes on with the next segment. */
  next(): void {
    this.#number += 1;
    this.#start = this.#end;
    this.#tree = new MerkleTree();
    this.#bytes = 0;
    this.#sealedSize = undefined;
  }

  /** How far the others were when they last said so: if one of them loses its end, this tells. */
  #joined(): readonly JoinedHead[] {
    const { directory, files, checkpoints } = this.#options;
    return listWriters(directory, files).flatMap(({ writer }) => {
      const head = writer === this.#writer ? undefined : checkpoints.newestOf(writer);
      return head === undefined ? [] : [{ writer, number: head.number, end: head.end }];
    });
  }
}
