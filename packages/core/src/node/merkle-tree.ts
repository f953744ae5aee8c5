import { hash } from "node:crypto";

const HASH_BYTES = 32;
const LEAF = new Uint8Array(1 + HASH_BYTES);
const NODE = Buffer.alloc(1 + 2 * HASH_BYTES);
const LEAF_BYTES = Buffer.from(LEAF.buffer);
NODE[0] = 1;

/** A full subtree: its hash, one byte per character, and how many lines it covers, a power of two. */
export interface Subtree {
  readonly node: string;
  readonly lines: number;
}

/**
 * The root of RFC 6962 (section 2.1) over the lines of a segment, kept up line by line: of each full subtree only its
 * hash is kept. The entry of a line is the 32 bytes of its `hash`. Parts of a segment may be hashed apart, each from
 * where it starts, and their subtrees put together.
 */
export class MerkleTree {
  /** Hashes of full subtrees, one byte per character: three times faster than byte arrays. */
  #nodes: string[] = [];
  /** How many lines each covers. */
  #lines: number[] = [];
  readonly #from: number;
  #to: number;

  /** @param from Index of the first line in its segment. Default 0; only then there is a root. */
  constructor(from = 0) {
    this.#from = from;
    this.#to = from;
  }

  /** How many lines it covers. */
  get size(): number {
    return this.#to - this.#from;
  }

  /** @param lineHash 64 hex digits */
  add(lineHash: string): void {
    LEAF_BYTES.write(lineHash, 1, HASH_BYTES, "hex");
    this.addSubtree(hash("sha256", LEAF, "binary"), 1);
  }

  /** Takes the next lines as a subtree; one that starts here and that {@link MerkleTree.subtrees} gave. */
  addSubtree(subtree: string, lines: number): void {
    let [node, covered] = [subtree, lines];
    this.#to += lines;
    // Two subtrees of one size become one where that is a subtree of the whole: where it starts at a multiple of its size.
    while (this.#lines.at(-1) === covered && this.#to % (2 * covered) === 0) {
      node = parentOf(this.#nodes.pop() ?? "", node);
      this.#lines.pop();
      covered *= 2;
    }
    this.#nodes.push(node);
    this.#lines.push(covered);
  }

  /** The full subtrees, in order. */
  subtrees(): readonly Subtree[] {
    return this.#nodes.map((node, index) => ({ node, lines: this.#lines[index] ?? 0 }));
  }

  /** The root over all lines so far, base64. */
  root(): string {
    const root = this.#nodes.reduceRight((right, left) => (right === "" ? left : parentOf(left, right)), "");
    return Buffer.from(root === "" ? hash("sha256", "", "binary") : root, "binary").toString("base64");
  }
}

function parentOf(left: string, right: string): string {
  NODE.write(left, 1, HASH_BYTES, "binary");
  NODE.write(right, 1 + HASH_BYTES, HASH_BYTES, "binary");
  return hash("sha256", NODE, "binary");
}
