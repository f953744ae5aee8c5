import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { checkpointName, type WriterFiles } from "./segment-files.ts";
import type { TrustedSigners } from "./checkpoint-trust.ts";
import { openNote, type Note } from "./signed-note.ts";

/** What can be wrong with a checkpoint. */
export type CheckpointProblem =
  /** A segment that must have one has none. */
  | "checkpoint_missing"
  /** It is no checkpoint, or of another segment. */
  | "checkpoint_broken"
  /** None of the given keys has signed it. */
  | "checkpoint_unsigned"
  /** It is of another trail. */
  | "checkpoint_foreign"
  /** It contradicts the one before it, or one that was published. */
  | "checkpoint_contradicted";

/** The first checkpoint that does not count. */
export interface BrokenCheckpoint {
  readonly number: number;
  readonly problem: CheckpointProblem;
  readonly detail: string;
}

/** The checkpoints of one writer, ascending, up to the first that does not count. */
export interface ReadCheckpoints {
  readonly checkpoints: readonly Checkpoint[];
  readonly broken: BrokenCheckpoint | undefined;
}

/** What every checkpoint must fulfil. */
export interface CheckpointDemands {
  readonly directory: string;
  /** One of them must have signed each; undefined: signatures are not looked at. */
  readonly trusted: TrustedSigners | undefined;
  /** Which trail it must be of. Default: that of the first. */
  readonly trail: string | undefined;
}

/** Reads the checkpoints of one writer and holds them against each other. */
export function readCheckpoints(files: WriterFiles, demands: CheckpointDemands): ReadCheckpoints {
  const { writer } = files;
  const checkpoints: Checkpoint[] = [];
  let isSigned = false;
  for (const number of files.checkpoints) {
    const fails = (problem: CheckpointProblem, detail: string): ReadCheckpoints => ({
      checkpoints,
      broken: { number, problem, detail },
    });
    const name = checkpointName({ writer, number });
    const note = noteIn(path.join(demands.directory, name));
    const opened = note === undefined ? undefined : openNote(note, demands.trusted?.keys ?? []);
    const checkpoint = opened && readCheckpointText(opened.text);
    if (opened === undefined || checkpoint === undefined)
      return fails("checkpoint_broken", "it cannot be read as a checkpoint");
    if (checkpoint.writer !== writer || checkpoint.number !== number)
      return fails("checkpoint_broken", "it is the checkpoint of another segment");
    const unsigned = whyUnsigned(opened, demands.trusted, isSigned);
    if (unsigned !== undefined) return fails("checkpoint_unsigned", unsigned);
    const trail = demands.trail ?? checkpoints[0]?.trail ?? checkpoint.trail;
    if (checkpoint.trail !== trail)
      return fails("checkpoint_foreign", `it is of the trail ${checkpoint.trail}, not of ${trail}`);
    const contradiction = contradicts(checkpoint, checkpoints.at(-1));
    if (contradiction !== undefined) return fails("checkpoint_contradicted", contradiction);
    isSigned ||= opened.signedBy.length > 0;
    checkpoints.push(checkpoint);
  }
  return { checkpoints, broken: undefined };
}

/** Undefined where something stands that is no file, or longer than any note. */
function noteIn(file: string): string | undefined {
  try {
    return nodeFileSystem.readText(file);
  } catch (error) {
    if (error instanceof AgentplaneError) return undefined;
    throw error;
  }
}

function whyUnsigned(
  note: Note,
  trusted: TrustedSigners | undefined,
  isSignedBefore: boolean,
): string | undefined {
  if (trusted === undefined || note.signedBy.length > 0) return undefined;
  if (!trusted.hasUnsigned || note.signatures > 0) return "none of the given keys has signed it";
  // From unsigned to signed, never back: else who can write the directory would take the signatures off.
  return isSignedBefore ? "nobody has signed it, and one before it is signed" : undefined;
}

function contradicts(checkpoint: Checkpoint, before: Checkpoint | undefined): string | undefined {
  const { number, start, oldest } = checkpoint;
  const isNext = before?.number === number - 1;
  if (isNext && (before.end.seq !== start.seq || before.end.prev !== start.prev))
    return "it does not begin where the one before it ends";
  if (before !== undefined && oldest < before.oldest) return "it knows older segments than the one before it";
  return undefined;
}
