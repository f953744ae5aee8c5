import { createHash } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { MerkleTree } from "../../src/node/merkle-tree.ts";

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** As RFC 6962, section 2.1 defines it: split at the largest power of two below the size. */
function rootOf(entries: readonly Buffer[]): Buffer {
  const [first] = entries;
  if (first === undefined) return sha256();
  if (entries.length === 1) return sha256(Buffer.of(0), first);
  const split = 2 ** Math.floor(Math.log2(entries.length - 1));
  return sha256(Buffer.of(1), rootOf(entries.slice(0, split)), rootOf(entries.slice(split)));
}

test("has the root of RFC 6962 after every line", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 70 }), (entries) => {
      const tree = new MerkleTree();
      expect(tree.root()).toBe(rootOf([]).toString("base64"));
      for (const [index, entry] of entries.entries()) {
        tree.add(Buffer.from(entry).toString("hex"));
        const so = entries.slice(0, index + 1).map((one) => Buffer.from(one));
        expect(tree.root()).toBe(rootOf(so).toString("base64"));
      }
      expect(tree.size).toBe(entries.length);
    }),
    { numRuns: 30 },
  );
});

test("of no lines is the hash of nothing, and of one known line its leaf", () => {
  // The roots of the empty tree and of the tree with one empty-hash entry, from the definition.
  expect(Buffer.from(new MerkleTree().root(), "base64").toString("hex")).toBe(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});
