import { expect, test } from "vitest";

import { createPorts } from "../../src/base/runtime.ts";

test("ids count on in base 36 whatever their prefixes, and none comes twice", () => {
  const { ids } = createPorts();
  const given = Array.from({ length: 1_296 * 37 + 50 }, (_, count) =>
    ids.next(count % 3 === 0 ? "dec" : "res"),
  );
  const [, origin] = given[0]!.split("_");
  expect(
    given.filter((id, count) => id !== `${count % 3 === 0 ? "dec" : "res"}_${origin}_${count.toString(36)}`),
  ).toStrictEqual([]);
});
