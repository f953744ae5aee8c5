import type { ChainPosition } from "../audit/chain.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** A place that the trail of a writer must go through, and who says so. */
export interface KnownHead {
  /** The segment that it was in. */
  readonly number: number;
  readonly end: ChainPosition;
  readonly why: string;
  /** The checkpoint that says so, where it was kept outside of the directory. */
  readonly published?: Checkpoint;
}

/** A published checkpoint that nothing in the directory can be held against: the lines it sealed were removed. */
export interface UncheckedHead {
  readonly writer: number;
  readonly segment: number;
  /** Number of the line after those it sealed. */
  readonly seq: number;
}

/** What is left of a writer's trail. */
export interface KeptTrail {
  /** The place of the oldest line that is there. */
  readonly begin: ChainPosition;
  readonly checkpoints: readonly Checkpoint[];
}

/** Whether a head is as the checkpoints that are left say, contradicts them, or lies where none of them tells. */
export type PrunedHeadCheck =
  | { readonly is: "good" | "unknown" }
  | { readonly is: "contradicted"; readonly detail: string };

/**
 * Holds a head that lies before the oldest line against the checkpoints that stay when retention removes their segments.
 */
export function checkPrunedHead(head: KnownHead, { begin, checkpoints }: KeptTrail): PrunedHeadCheck {
  const { end, published, number, why } = head;
  const places = [begin, ...checkpoints.flatMap((checkpoint) => [checkpoint.start, checkpoint.end])];
  const same = places.find(({ seq }) => seq === end.seq);
  if (same !== undefined && same.prev !== end.prev)
    return contradicted(`the lines before number ${end.seq} are not those that ${why} saw`);
  const own = checkpoints.find((checkpoint) => checkpoint.number === number);
  if (published !== undefined && own !== undefined) {
    const { start } = published;
    if (own.start.seq !== start.seq || own.start.prev !== start.prev || own.size < published.size)
      return contradicted(`its checkpoint does not follow from ${why} of it`);
  }
  return { is: same === undefined ? "unknown" : "good" };
}

function contradicted(detail: string): PrunedHeadCheck {
  return { is: "contradicted", detail };
}
