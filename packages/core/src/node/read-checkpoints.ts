import path from "node:path";

import { nodeFileSystem } from "./audit-file-system.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { checkpointName, type WriterFiles } from "./segment-files.ts";
import { openNote, type NoteVerifier } from "./signed-note.ts";

/** What can be wrong with a checkpoint. */
export type CheckpointProblem =
  /** A segment that must have one has none. */
  | "checkpoint_missing"
  /** It is no checkpoint, or of another segment. */
  | "checkpoint_broken"
  /** None of the given keys has signed it. */
  | "checkpoint_unsigned"
  /** It contradicts the one before it. */
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

/**
 * Reads the checkpoints of one writer and holds them against each other.
 * @param keys When given, one of them must have signed each.
 */
export function readCheckpoints(
  { writer, checkpoints: numbers }: WriterFiles,
  directory: string,
  keys: readonly NoteVerifier[] | undefined,
): ReadCheckpoints {
  const checkpoints: Checkpoint[] = [];
  for (const number of numbers) {
    const fails = (problem: CheckpointProblem, detail: string): ReadCheckpoints => ({
      checkpoints,
      broken: { number, problem, detail },
    });
    const note = nodeFileSystem.readText(path.join(directory, checkpointName({ writer, number })));
    const opened = openNote(note, keys ?? []);
    const checkpoint = opened && readCheckpointText(opened.text);
    if (opened === undefined || checkpoint === undefined)
      return fails("checkpoint_broken", "it cannot be read as a checkpoint");
    if (checkpoint.writer !== writer || checkpoint.number !== number)
      return fails("checkpoint_broken", "it is the checkpoint of another segment");
    if (keys !== undefined && opened.signedBy.length === 0)
      return fails("checkpoint_unsigned", "none of the given keys has signed it");
    const before = checkpoints.at(-1);
    const { start, oldest } = checkpoint;
    const isNext = before?.number === number - 1;
    if (isNext && (before.end.seq !== start.seq || before.end.prev !== start.prev))
      return fails("checkpoint_contradicted", "it does not begin where the one before it ends");
    if (before !== undefined && oldest < before.oldest)
      return fails("checkpoint_contradicted", "it knows older segments than the one before it");
    checkpoints.push(checkpoint);
  }
  return { checkpoints, broken: undefined };
}
