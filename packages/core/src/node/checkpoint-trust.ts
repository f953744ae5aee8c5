import path from "node:path";

import { AgentplaneError, ConfigError } from "../base/errors.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { checkpointName, filesOf, segmentName, type SegmentPlace } from "./segment-files.ts";
import {
  createNoteSigner,
  openNote,
  readPublicKey,
  type NoteSigner,
  type NoteVerifier,
} from "./signed-note.ts";

/** In place of a public key: checkpoints that nobody has signed count, until one is signed. */
export const UNSIGNED = "unsigned";

/** Whose checkpoints count. */
export interface TrustedSigners {
  readonly keys: readonly NoteVerifier[];
  /** Checkpoints without any signature count, too. */
  readonly hasUnsigned: boolean;
}

/** Reads whose checkpoints count: public keys, and the word `unsigned`. */
export function readTrusted(trusted: readonly string[]): TrustedSigners {
  const keys = trusted.filter((key) => key !== UNSIGNED).map(readPublicKey);
  return { keys, hasUnsigned: trusted.includes(UNSIGNED) };
}

/** What a process signs with, and whose checkpoints it goes on from. */
export interface CheckpointTrust extends TrustedSigners {
  readonly signer: NoteSigner | undefined;
}

/**
 * A process trusts its own key and those it is told to; without a key only what nobody has signed.
 * @throws ConfigError for a wrong key, and for `trustedKeys` without a key
 */
export function createCheckpointTrust({
  key,
  trustedKeys = [],
}: {
  readonly key?: string | undefined;
  readonly trustedKeys?: readonly string[] | undefined;
}): CheckpointTrust {
  if (key === undefined) {
    if (trustedKeys.length === 0) return { signer: undefined, keys: [], hasUnsigned: true };
    const message = "are of no use without key: what is not signed is not checked; give the process its key";
    throw new ConfigError("jsonlSink", [{ path: "trustedKeys", message }]);
  }
  const signer = createNoteSigner(key);
  return { signer, ...readTrusted([signer.publicKey, ...trustedKeys]) };
}

/** A checkpoint that counts. */
export interface TrustedCheckpoint extends Checkpoint {
  /** Whether it is as this process would write it; false: nobody signed it, and this process signs. */
  readonly isProof: boolean;
}

/** Where checkpoints lie and whose count. */
export interface TrustedCheckpointsOptions {
  readonly directory: string;
  readonly files: Pick<AuditFileSystem, "list" | "readText">;
  readonly trust: CheckpointTrust;
}

/** The checkpoints of a directory as far as this process may go on from them. */
export class TrustedCheckpoints {
  readonly #options: TrustedCheckpointsOptions;
  #trail: string | undefined;

  constructor(options: TrustedCheckpointsOptions) {
    this.#options = options;
  }

  /** Which trail they must be of; undefined before it is known. */
  get trail(): string | undefined {
    return this.#trail;
  }

  set trail(id: string | undefined) {
    this.#trail = id;
  }

  /** Whether lines that no checkpoint begins may be this trail's: only where what is unsigned counts. */
  get mayLack(): boolean {
    return this.#options.trust.hasUnsigned;
  }

  /**
   * The checkpoint of a segment; undefined when there is none.
   * @throws AgentplaneError `audit_corrupt` when there is one that does not count: to go on from it would sign what
   *   somebody else wrote
   */
  read(place: SegmentPlace): TrustedCheckpoint | undefined {
    const { directory, files } = this.#options;
    const name = checkpointName(place);
    if (!files.list(directory).includes(name)) return undefined;
    const note = files.readText(path.join(directory, name));
    const opened = openNote(note, this.#options.trust.keys);
    const checkpoint = opened && readCheckpointText(opened.text);
    if (opened === undefined || checkpoint === undefined) throw corrupt(place, `${name} is not a checkpoint`);
    if (checkpoint.writer !== place.writer || checkpoint.number !== place.number)
      throw corrupt(place, `${name} is the checkpoint of another segment`);
    if (opened.signedBy.length === 0) this.#requireUnsigned(place, opened.signatures);
    if (this.#trail !== undefined && checkpoint.trail !== this.#trail)
      throw corrupt(place, `${name} is of the trail ${checkpoint.trail}, this one is ${this.#trail}`);
    return { ...checkpoint, isProof: this.#options.trust.signer === undefined || opened.signedBy.length > 0 };
  }

  /** The newest checkpoint of a writer that counts, and none of the others; undefined when none does. */
  newestOf(writer: number): TrustedCheckpoint | undefined {
    const { directory, files } = this.#options;
    for (const number of filesOf(writer, directory, files).checkpoints.toReversed()) {
      try {
        return this.read({ writer, number });
      } catch (error) {
        // A later one that does not count hides no earlier one; what is wrong is said by `verifyDirectory`.
        if (!(error instanceof AgentplaneError)) throw error;
      }
    }
    return undefined;
  }

  #requireUnsigned(place: SegmentPlace, signatures: number): void {
    const { trust } = this.#options;
    const name = checkpointName(place);
    if (trust.signer === undefined) {
      if (signatures === 0) return;
      throw corrupt(place, `${name} is signed, and this process has no key; give it the key`);
    }
    if (signatures > 0) throw corrupt(place, `${name} is not signed by this process or one of trustedKeys`);
    if (!trust.hasUnsigned)
      throw corrupt(
        place,
        `${name} is not signed; to sign a trail from here on, start once with trustedKeys: ["unsigned"]`,
      );
    // The step from unsigned to signed is made once: who can write the directory must not make it backwards.
    const earlier = this.#signedBefore(place);
    if (earlier !== undefined) throw corrupt(place, `${name} is not signed, and ${earlier} before it is`);
  }

  #signedBefore({ writer, number }: SegmentPlace): string | undefined {
    const { directory, files, trust } = this.#options;
    const names = filesOf(writer, directory, files)
      .checkpoints.filter((before) => before < number)
      .map((before) => checkpointName({ writer, number: before }));
    return names.find((name) => {
      const note = openNote(files.readText(path.join(directory, name)), trust.keys);
      return note !== undefined && note.signedBy.length > 0;
    });
  }
}

/** What to say of a segment that is not as this process or its predecessors left it. */
export function corrupt(place: SegmentPlace, why: string): AgentplaneError {
  const segment = segmentName(place);
  const message = `${segment} is not as it was written: ${why}; verify the directory, then move it away to start a new trail`;
  return new AgentplaneError("audit_corrupt", message, { data: { segment } });
}
