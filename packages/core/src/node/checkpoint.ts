import type { ChainPosition } from "../audit/chain.ts";
import { segmentBase, type SegmentPlace } from "./segment-files.ts";

/** How far another writer of the directory was sealed at the same time. */
export interface JoinedHead extends SegmentPlace {
  readonly end: ChainPosition;
}

/** What a checkpoint says of a segment: so many lines, in this order, with this content. */
export interface Checkpoint extends SegmentPlace {
  /** Who sealed it: the name of the key, else `agentplane`. */
  readonly name: string;
  /** Which trail it belongs to: one random id for all writers of a directory, 32 hex digits. */
  readonly trail: string;
  /** Lines of the segment that it seals. */
  readonly size: number;
  /** RFC 6962 root over their hashes, base64. */
  readonly root: string;
  /** The place of the segment's first line. */
  readonly start: ChainPosition;
  /** The place after the last sealed line. */
  readonly end: ChainPosition;
  /** Length of the sealed lines, line breaks included. */
  readonly bytes: number;
  /** The oldest segment that was kept when this was written; older ones were removed by retention. */
  readonly oldest: number;
  /** Epoch ms. */
  readonly at: number;
  readonly joined: readonly JoinedHead[];
}

const ORIGIN = /^(\S+)\/([0-9a-f]{32})\/audit(?:\.(\d+))?-(\d{6,})$/;
const HEX = /^[0-9a-f]{64}$/;

/**
 * A checkpoint as text: the first three lines are those of https://c2sp.org/tlog-checkpoint (origin, size, root), the
 * others are its extension lines. The id of the trail makes the origin one that no other log has.
 */
export function checkpointText(checkpoint: Checkpoint): string {
  const { name, trail, size, root, start, end, bytes, oldest, at, joined } = checkpoint;
  const lines = [
    `${name}/${trail}/${segmentBase(checkpoint)}`,
    String(size),
    root,
    `start ${start.seq} ${start.prev}`,
    `end ${end.seq} ${end.prev}`,
    `bytes ${bytes}`,
    `oldest ${oldest}`,
    `time ${new Date(at).toISOString()}`,
    ...joined.map((head) => `joined ${head.writer} ${head.number} ${head.end.seq} ${head.end.prev}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Reads what {@link checkpointText} writes; undefined for anything else. */
export function readCheckpointText(text: string): Checkpoint | undefined {
  const [
    origin = "",
    size = "",
    root = "",
    start = "",
    end = "",
    bytes = "",
    oldest = "",
    time = "",
    ...more
  ] = text.split("\n");
  const [, name = "", trail = "", writer = "1", number = ""] = ORIGIN.exec(origin) ?? [];
  const joined = more.slice(0, -1).map(readJoined);
  const checkpoint = {
    name,
    trail,
    writer: Number(writer),
    number: Number(number),
    size: Number(size),
    root,
    start: readPosition("start", start),
    end: readPosition("end", end),
    bytes: Number(/^bytes (\d{1,15})$/.exec(bytes)?.[1]),
    oldest: Number(/^oldest (\d+)$/.exec(oldest)?.[1]),
    at: Date.parse(time.slice("time ".length)),
    joined,
  };
  // Whatever was read in another way than it was written is not a checkpoint.
  return isWhole(checkpoint) && checkpointText(checkpoint) === text ? checkpoint : undefined;
}

type Unchecked = Omit<Checkpoint, "start" | "end" | "joined"> & {
  readonly start: ChainPosition | undefined;
  readonly end: ChainPosition | undefined;
  readonly joined: readonly (JoinedHead | undefined)[];
};

function isWhole(checkpoint: Unchecked): checkpoint is Checkpoint {
  const { start, end, joined, size, at } = checkpoint;
  if (start === undefined || end === undefined || joined.includes(undefined)) return false;
  return Number.isFinite(at) && end.seq - start.seq === size;
}

function readPosition(word: string, line: string): ChainPosition | undefined {
  const [first, seq = "", prev = "", ...rest] = line.split(" ");
  const isPosition = first === word && /^\d{1,15}$/.test(seq) && HEX.test(prev) && rest.length === 0;
  return isPosition ? { seq: Number(seq), prev } : undefined;
}

function readJoined(line: string): JoinedHead | undefined {
  const [, writer, number, position = ""] = /^joined (\d{1,9}) (\d{1,9}) (.*)$/.exec(line) ?? [];
  const end = readPosition("joined", `joined ${position}`);
  return end && { writer: Number(writer), number: Number(number), end };
}
