import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import { hasOpaque, hasUnreadable, snapshot, thaw } from "../../src/context/snapshot.ts";
import { looseParts, rigidParts } from "./frozen.ts";

function refusalOf(value: unknown): AgentplaneError {
  try {
    snapshot(value);
  } catch (error) {
    if (error instanceof AgentplaneError) return error;
  }
  throw new Error("was not refused");
}

function nested(depth: number): unknown {
  let value: unknown = "deep";
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

test("copies JSON into frozen data without prototypes, and thaws it into what it was", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const taken = snapshot(value);
      expect(looseParts(taken)).toStrictEqual([]);
      expect(hasOpaque(taken)).toBe(false);
      expect(JSON.stringify(taken)).toBe(JSON.stringify(value));
      const thawed = thaw(taken);
      expect(JSON.stringify(thawed)).toBe(JSON.stringify(value));
      expect(rigidParts(thawed)).toStrictEqual([]);
    }),
  );
});

test("is not touched by later changes of the original, nor is the original by what is thawed", () => {
  const original = { list: [1, { a: 2 }] };
  const taken = snapshot(original);
  original.list.push(9);
  const thawed = thaw(taken) as typeof original;
  thawed.list.push(8);
  expect(JSON.stringify(taken)).toBe('{"list":[1,{"a":2}]}');
});

test("returns a snapshot as it is, and copies a new object around one", () => {
  const taken = snapshot({ a: [1] });
  expect(snapshot(taken)).toBe(taken);
  expect(snapshot([taken])).toStrictEqual([taken]);
});

test("leaves undefined members out and makes undefined items null", () => {
  expect(JSON.stringify(snapshot({ a: undefined, b: [undefined, 1], c: null }))).toBe(
    '{"b":[null,1],"c":null}',
  );
  expect(snapshot(undefined)).toBeNull();
});

test("takes own enumerable members only", () => {
  const value: object = Object.defineProperty({ shown: 1, [Symbol("s")]: 2 }, "hidden", {
    value: 3,
    enumerable: false,
  });
  expect(JSON.stringify(snapshot(value))).toBe('{"shown":1}');
  const list = Object.assign([1], { extra: 2 });
  expect(JSON.stringify(snapshot(list))).toBe("[1]");
});

test("takes an object literal of another realm for plain data", () => {
  const foreign = Object.create(
    Object.create(null, { hasOwnProperty: { value: () => true } }) as object,
  ) as object;
  expect(JSON.stringify(snapshot(Object.assign(foreign, { a: 1 })))).toBe('{"a":1}');
});

describe("bad input", () => {
  test("refuses a circle and says where it closes", () => {
    const value: { list: unknown[] } = { list: [] };
    value.list.push({ back: value });
    const error = refusalOf(value);
    expect(error.code).toBe("content_refused");
    expect(error.data["path"]).toBe("$.list[0].back");
  });

  test("takes one object in two places twice, as JSON does", () => {
    const shared = { a: 1 };
    expect(JSON.stringify(snapshot([shared, shared]))).toBe('[{"a":1},{"a":1}]');
  });

  test("accepts a depth of 128 and refuses 129", () => {
    expect(() => snapshot(nested(128))).not.toThrow();
    expect(refusalOf(nested(129)).message).toContain("128 deep");
  });

  test("refuses 10 MB, in one text, in many values, in names and in a list that is almost empty", () => {
    const tenMegabytes = 10 * 1024 * 1024;
    const names = Object.fromEntries(
      Array.from({ length: 11 }, (_, at) => [`${at}`.padEnd(1024 * 1024, "x"), 1]),
    );
    const sparse: unknown[] = [];
    sparse.length = 4_000_000_000;
    for (const value of [
      "x".repeat(tenMegabytes),
      Array.from({ length: 6_000_000 }, () => 1),
      names,
      sparse,
    ]) {
      expect(refusalOf([value]).message).toContain("larger than 5 MiB");
    }
  });

  test("refuses a bare text of more than 5 MiB as any other content", () => {
    const most = 5 * 1024 * 1024 - 1;
    expect(snapshot("x".repeat(most))).toHaveLength(most);
    for (const text of ["x".repeat(most + 1), "x".repeat(60_000_000), "語".repeat(2_000_000)])
      expect(refusalOf(text).message).toContain("at $ it is larger than 5 MiB");
  });

  test("never repeats a member's name that may be data", () => {
    for (const name of [
      "bob@example.com 4111 1111 1111 1111",
      "sk-live-4111111111111111",
      "x".repeat(65),
      "",
    ]) {
      const value: Record<string, unknown> = {};
      value[name] = { list: [value] };
      const error = refusalOf(value);
      expect(error.data["path"]).toBe('$["…"].list[0]');
      expect(error.message).toContain('at $["…"].list[0] it contains itself');
    }
  });

  test("counts bytes of UTF-8, not characters", () => {
    const twoMillion = 2_000_000;
    expect(() => snapshot({ text: "x".repeat(twoMillion) })).not.toThrow();
    expect(() => snapshot({ text: "ü".repeat(twoMillion) })).not.toThrow();
    expect(refusalOf({ text: "語".repeat(twoMillion) }).message).toContain("larger than 5 MiB");
    expect(refusalOf({ ["語".repeat(twoMillion)]: 1 }).message).toContain("larger than 5 MiB");
    // A pair of surrogates is one character of four bytes.
    expect(() => snapshot(["😀".repeat(1_300_000)])).not.toThrow();
    expect(refusalOf(["😀".repeat(1_320_000)]).message).toContain("larger than 5 MiB");
  });

  test("refuses many references to one object once they would be too much", () => {
    let value: unknown = "x".repeat(100);
    for (let level = 0; level < 40; level++) value = [value, value];
    expect(refusalOf(value).message).toContain("larger than 5 MiB");
  });

  test("keeps members named __proto__ and constructor as data, and gives them back as own members", () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}',
    );
    const taken = snapshot(value);
    expect(Object.getPrototypeOf(taken)).toBeNull();
    expect(Object.keys(taken as object)).toStrictEqual(["__proto__", "constructor"]);
    const thawed = thaw(taken) as Record<string, unknown>;
    expect(Object.getPrototypeOf(thawed)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(thawed, "__proto__")).toMatchObject({
      value: { isAdmin: true },
      enumerable: true,
      writable: true,
    });
    expect(thawed["isAdmin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
  });

  test("reads a getter once, so that it cannot show rules one value and the tool another", () => {
    let reads = 0;
    const value = {
      get path() {
        reads++;
        return reads === 1 ? "/tmp/fine" : "/etc/passwd";
      },
    };
    const taken = snapshot(value);
    expect(JSON.stringify(taken)).toBe('{"path":"/tmp/fine"}');
    expect(thaw(taken)).toStrictEqual({ path: "/tmp/fine" });
    expect(reads).toBe(1);
  });

  test("refuses a getter that throws, keeping the cause and naming the place", () => {
    const cause = new Error("the password is 1234");
    const error = refusalOf({
      a: {
        get b(): never {
          throw cause;
        },
      },
    });
    expect(error.cause).toBe(cause);
    expect(error.message).toContain("$.a.b");
    expect(error.message).not.toContain("1234");
  });

  test("reads a Proxy through its traps, each member once", () => {
    const seen: PropertyKey[] = [];
    const proxy = new Proxy(
      { a: 1, b: [2] },
      {
        get(target, key): unknown {
          seen.push(key);
          return Reflect.get(target, key);
        },
      },
    );
    expect(JSON.stringify(snapshot(proxy))).toBe('{"a":1,"b":[2]}');
    expect(seen).toStrictEqual(["a", "b"]);
  });

  test("refuses a Proxy that throws or is revoked", () => {
    const throwing = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no");
        },
      },
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusalOf({ throwing }).code).toBe("content_refused");
    expect(refusalOf(proxy).code).toBe("content_refused");
  });
});

describe("values that are not JSON", () => {
  class Handle {
    readonly id = 7;
  }

  const values: readonly (readonly [string, unknown])[] = [
    ["Date", new Date(0)],
    ["Map", new Map([["a", 1]])],
    ["Set", new Set([1])],
    ["Uint8Array", new Uint8Array(2)],
    ["Handle", new Handle()],
    ["Error", new Error("x")],
    ["function", () => 1],
    ["symbol", Symbol("s")],
    ["bigint", 10n],
    ["number", Number.NaN],
    ["number", Number.POSITIVE_INFINITY],
  ];

  test.for(values)("marks a %s and gives the very value back", ([name, value]) => {
    const taken = snapshot({ list: [{ value }], plain: [1] });
    expect(JSON.stringify(taken)).toBe(`{"list":[{"value":{"$opaque":"${name}"}}],"plain":[1]}`);
    expect(looseParts(taken)).toStrictEqual([]);
    expect(hasOpaque(taken)).toBe(true);
    const thawed = thaw(taken) as { list: [{ value: unknown }] };
    expect(Object.is(thawed.list[0].value, value)).toBe(true);
  });

  test.for(values)("marks a %s that is the whole", ([, value]) => {
    const taken = snapshot(value);
    expect(hasOpaque(taken)).toBe(true);
    expect(Object.is(thaw(taken), value)).toBe(true);
    expect(snapshot(taken)).toBe(taken);
    expect(Object.is((thaw(snapshot({ taken })) as { taken: unknown }).taken, value)).toBe(true);
  });

  test("tells which parts have an opaque value below", () => {
    const taken = snapshot({ a: { when: new Date(0) }, b: { c: 1 } }) as { a: object & {}; b: object & {} };
    expect(hasOpaque(snapshot(taken.a))).toBe(true);
    expect(hasOpaque(snapshot(taken.b))).toBe(false);
  });

  test("takes data that looks like a marker for data", () => {
    const forged = { $opaque: "Date" };
    const taken = snapshot({ forged });
    expect(hasOpaque(taken)).toBe(false);
    expect(thaw(taken)).toStrictEqual({ forged: { $opaque: "Date" } });
  });

  test("marks an object whose name cannot be read, without failing", () => {
    const strange: unknown = new Proxy(new Map(), {
      get: () => {
        throw new Error("no");
      },
    });
    const taken = snapshot([strange]);
    expect(JSON.stringify(taken)).toBe('[{"$opaque":"object"}]');
    expect((thaw(taken) as unknown[])[0]).toBe(strange);
  });
});

test("only a plain date, a number that JSON lacks and a symbol cannot carry text that rules would have to read", () => {
  class Note extends Date {
    readonly text = "bob@example.com";
  }
  const labelled = Object.assign(new Date(0), { text: "bob@example.com" });
  const posing: unknown = Object.create(Date.prototype);
  for (const value of [new Date(0), Number.NaN, Symbol("s")])
    expect(hasUnreadable(snapshot([value]))).toBe(false);
  for (const value of [4111111111111111n, new Note(), labelled, posing, new Map()]) {
    expect(hasUnreadable(snapshot(value))).toBe(true);
    expect(hasUnreadable(snapshot({ deep: [value] }))).toBe(true);
  }
});
