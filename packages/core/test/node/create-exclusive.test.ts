import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { createExclusive } from "../../src/node/create-exclusive.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const MODE = 0o600;

function refusing(code: string): () => never {
  return () => {
    throw Object.assign(new Error(`${code}: operation not permitted, link`), { code });
  };
}

test("a file is made once, and nothing is left beside it", () => {
  const directory = temporaryDirectory();
  const file = path.join(directory, "audit.lock");
  expect(createExclusive(file, "first", { mode: MODE })).toBe(true);
  expect(createExclusive(file, "second", { mode: MODE })).toBe(false);
  expect(readFileSync(file, "utf8")).toBe("first");
  expect(readdirSync(directory)).toEqual(["audit.lock"]);
});

test.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])(
  "a file system without hard links is named as such, and nothing is left on it: %s",
  (code) => {
    const directory = temporaryDirectory();
    const make = (): boolean =>
      createExclusive(path.join(directory, "audit.lock"), "x", { mode: MODE, link: refusing(code) });
    expect(make).toThrow(
      expect.objectContaining({
        code: "audit_failed",
        message:
          `the file system of ${directory} has no hard links (${code}), by which the processes that write there ` +
          "tell themselves apart; put the directory on one that has, such as a local disk",
      }),
    );
    expect(readdirSync(directory)).toEqual([]);
  },
);

test("another failure stays what it is", () => {
  const file = path.join(temporaryDirectory(), "audit.lock");
  expect(() => createExclusive(file, "x", { mode: MODE, link: refusing("EIO") })).toThrow(/^EIO/);
});
