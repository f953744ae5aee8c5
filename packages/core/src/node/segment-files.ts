import type { AuditFileSystem } from "./audit-file-system.ts";

/** Which segment of which writer. */
export interface SegmentPlace {
  /** From 1; processes that write one directory at the same time have different ones. */
  readonly writer: number;
  /** From 1. */
  readonly number: number;
}

/** What lies in a directory of one writer's trail. */
export interface WriterFiles {
  readonly writer: number;
  /** Numbers of its segments, ascending, compressed or not. */
  readonly segments: readonly number[];
  /** Numbers of those that are compressed. */
  readonly compressed: ReadonlySet<number>;
  /** Numbers of the segments that have a checkpoint, ascending. */
  readonly checkpoints: readonly number[];
}

const NAME = /^audit(?:\.(\d{1,9}))?-(\d{6,15})\.(jsonl|jsonl\.gz|checkpoint)$/;

/** A segment's name without ending: `audit-000001`, of a second writer `audit.2-000001`; padded to list in order. */
export function segmentBase({ writer, number }: SegmentPlace): string {
  return `audit${writer === 1 ? "" : `.${writer}`}-${String(number).padStart(6, "0")}`;
}

/** The file name of a segment: `audit-000001.jsonl`. */
export function segmentName(place: SegmentPlace): string {
  return `${segmentBase(place)}.jsonl`;
}

/** The file name of a compressed segment. */
export function compressedName(place: SegmentPlace): string {
  return `${segmentBase(place)}.jsonl.gz`;
}

/** The file name of a segment's checkpoint. */
export function checkpointName(place: SegmentPlace): string {
  return `${segmentBase(place)}.checkpoint`;
}

/** What a directory holds, by writer, ascending. */
export function listWriters(directory: string, files: Pick<AuditFileSystem, "list">): readonly WriterFiles[] {
  const found = files.list(directory).flatMap((name) => {
    const [, writer = "1", number = "", ending] = NAME.exec(name) ?? [];
    return ending === undefined ? [] : [{ writer: Number(writer), number: Number(number), ending }];
  });
  const writers = [...new Set(found.map(({ writer }) => writer))].toSorted((a, b) => a - b);
  return writers.map((writer) => {
    const own = found.filter((file) => file.writer === writer);
    const numbers = (...endings: readonly string[]): readonly number[] =>
      [...new Set(own.filter(({ ending }) => endings.includes(ending)).map(({ number }) => number))].toSorted(
        (a, b) => a - b,
      );
    return {
      writer,
      segments: numbers("jsonl", "jsonl.gz"),
      // While a segment is being compressed both are there; the one that was written is whole.
      compressed: new Set(numbers("jsonl.gz").filter((number) => !numbers("jsonl").includes(number))),
      checkpoints: numbers("checkpoint"),
    };
  });
}

/** What one writer has in a directory. */
export function filesOf(
  writer: number,
  directory: string,
  files: Pick<AuditFileSystem, "list">,
): WriterFiles {
  const none = { writer, segments: [], compressed: new Set<number>(), checkpoints: [] };
  return listWriters(directory, files).find((one) => one.writer === writer) ?? none;
}
