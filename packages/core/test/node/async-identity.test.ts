import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { createAsyncIdentity } from "../../src/node/async-identity.ts";

test("work sees its identity through everything it awaits, and nobody else does", async () => {
  const identity = createAsyncIdentity();
  const seen = await Promise.all(
    ["acme", "globex"].map((tenant) =>
      identity.run({ tenant }, async () => {
        await setImmediate();
        return identity.current()?.tenant;
      }),
    ),
  );
  expect(seen).toStrictEqual(["acme", "globex"]);
  expect(identity.current()).toBeUndefined();
});

test("an inner run replaces the whole identity, and the outer one is back after it", () => {
  const identity = createAsyncIdentity();
  identity.run({ tenant: "acme", user: "ada" }, () => {
    expect(identity.run({ agent: "child" }, () => identity.current())).toStrictEqual({ agent: "child" });
    expect(identity.current()).toStrictEqual({ tenant: "acme", user: "ada" });
  });
});

test("code inside cannot become someone else, nor can its caller change it later", () => {
  const identity = createAsyncIdentity();
  const claim = { tenant: "acme", ancestors: ["root"] };
  identity.run(claim, () => {
    claim.tenant = "globex";
    claim.ancestors.push("other");
    expect(identity.current()).toStrictEqual({ tenant: "acme", ancestors: ["root"] });
    expect(() => Object.assign(identity.current() ?? {}, { tenant: "globex" })).toThrow(TypeError);
  });
});

test("two carriers do not see each other", () => {
  const [one, other] = [createAsyncIdentity(), createAsyncIdentity()];
  expect(one.run({ tenant: "acme" }, () => other.current())).toBeUndefined();
});
