import { hash } from "node:crypto";

const HASH_BYTES = 32;
const LEAF = new Uint8Array(1 + HASH_BYTES);
const NODE = Buffer.alloc(1 + 2 * HASH_BYTES);
const LEAF_BYTES = Buffer.from(LEAF.buffer);
NODE[0] = 1;

/**
 * The root of RFC 6962 (section 2.1) over the lines of a segment, kept up line by line: of each full subtree only its
 * hash is kept. The entry of a line is the 32 bytes of its `hash`.
 */
export class MerkleTree {
  /** Hashes of full subtrees, the largest first, one byte per character: three times faster than byte arrays. */
  #subtrees: string[] = [];
  #size = 0;

  /** How many lines it covers. */
  get size(): number {
    return this.#size;
  }

  /** @param lineHash 64 hex digits */
  add(lineHash: string): void {
    LEAF_BYTES.write(lineHash, 1, HASH_BYTES, "hex");
    let node = hash("sha256", LEAF, "binary");
    // Two subtrees of one size become one: as many as the size has ones at its end.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      node = parentOf(this.#subtrees.pop() ?? "", node);
    }
    this.#subtrees.push(node);
    this.#size += 1;
  }

  /** The root over all lines so far, base64. */
  root(): string {
    const root = this.#subtrees.reduceRight(
      (right, left) => (right === "" ? left : parentOf(left, right)),
      "",
    );
    return Buffer.from(root === "" ? hash("sha256", "", "binary") : root, "binary").toString("base64");
  }
}

function parentOf(left: string, right: string): string {
  NODE.write(left, 1, HASH_BYTES, "binary");
  NODE.write(right, 1 + HASH_BYTES, HASH_BYTES, "binary");
  return hash("sha256", NODE, "binary");
}
