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

// The entries and roots that Certificate Transparency's own implementations are tested with: not figures of this package.
const PUBLISHED: readonly (readonly [entry: string, root: string])[] = [
  ["", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
  ["00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
  ["10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
  ["2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
  ["3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
  ["40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
  ["5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
  ["606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
];
const ROOT_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function hexOf(root: string): string {
  return Buffer.from(root, "base64").toString("hex");
}

test("has the published roots of RFC 6962, from no entry to eight", () => {
  const tree = new MerkleTree();
  expect(hexOf(tree.root())).toBe(ROOT_OF_NOTHING);
  for (const [entry, root] of PUBLISHED) {
    // Entries of a trail have 32 bytes, these have not: they go in as the leaves that they make.
    tree.addSubtree(sha256(Buffer.of(0), Buffer.from(entry, "hex")).toString("binary"), 1);
    expect(hexOf(tree.root())).toBe(root);
  }
});

test("is compared with a definition that has the published roots, too", () => {
  const entries = PUBLISHED.map(([entry]) => Buffer.from(entry, "hex"));
  for (const [index, [, root]] of PUBLISHED.entries())
    expect(rootOf(entries.slice(0, index + 1)).toString("hex")).toBe(root);
});
