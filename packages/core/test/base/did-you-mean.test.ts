import { expect, test } from "vitest";

import { didYouMean, suggest } from "../../src/base/did-you-mean.ts";

test("suggests the known word that is nearest, else all of them", () => {
  expect(suggest("limt", ["limit", "window"])).toBe('did you mean "limit"?');
  expect(suggest("colour", ["limit", "window"])).toBe("use one of limit, window");
  expect(didYouMean("winodw", ["limit", "window"])).toBe("window");
  expect(didYouMean("colour", ["limit"])).toBeUndefined();
});

test("suggests the word of which one is the beginning of the other", () => {
  expect(didYouMean("ttl", ["max", "ttlMs"])).toBe("ttlMs");
  expect(didYouMean("timeoutMillis", ["timeout"])).toBe("timeout");
  expect(didYouMean("tt", ["ttlMs"])).toBeUndefined();
});

test("says that there are none where nothing is known", () => {
  expect(suggest("limit", [])).toBe("there are none");
});
