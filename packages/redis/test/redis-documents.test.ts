import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { budget, take } from "./limits.ts";
import { dropNamespace, freshNamespace, openState } from "./open-state.ts";
import { hasRedis } from "./servers.ts";

describe.skipIf(!hasRedis)("a document that another process has changed", () => {
  const namespace = freshNamespace();
  let one: RedisState;
  let other: RedisState;

  beforeAll(async () => {
    [one, other] = (await Promise.all([1, 2].map(() => openState({ namespace })))) as [
      RedisState,
      RedisState,
    ];
  });
  afterAll(async () => {
    await Promise.all([one.close(), other.close()]);
    await dropNamespace(namespace);
  });

  test("is changed as it is now, not as it was last seen here", async () => {
    await one.controls.update("count", () => 1);
    await other.controls.update<number>("count", (old = 0) => old + 1);
    expect(await one.controls.update<number>("count", (old = 0) => old + 1)).toBe(3);
    expect(await other.controls.read("count")).toBe(3);
  });

  test("is left alone only as it is now", async () => {
    await one.controls.update("left", () => "mine");
    await other.controls.update("left", () => "theirs");
    expect(await one.controls.update("left", (old) => old)).toBe("theirs");
    await other.controls.update("left", () => undefined);
    expect(await one.controls.update("left", (old) => old ?? "new")).toBe("new");
  });

  test("is refused only for what it is now", async () => {
    const refuseNew = (old: string | undefined): string => {
      if (old === undefined) throw new Error("there is nothing");
      return `${old}!`;
    };
    await other.controls.update("refused", () => "there");
    expect(await one.controls.update("refused", refuseNew)).toBe("there!");
    await expect(one.controls.update("nothing", refuseNew)).rejects.toThrow("there is nothing");
  });

  test("does not come back when it was deleted and written again in between", async () => {
    await one.controls.update("again", () => "same");
    await other.controls.update("again", () => undefined);
    await other.controls.update("again", () => "same");
    expect(await one.controls.update<string>("again", (old) => `${old} changed`)).toBe("same changed");
  });
});

// Everything else that depends on time is told the time; here it is the server's own.
test.skipIf(!hasRedis)("what has its time is ended by the server's own clock", async () => {
  const namespace = freshNamespace();
  const state = await openState({ namespace });
  const spec = budget("real", 10);
  await state.sessions.update("s", () => "there", { ttlMs: 1_500 });
  await state.ledger.reserve(take("call", spec, 4, 1_500));
  expect((await state.ledger.read(spec)).limit).toBe(10);
  await expect.poll(() => state.sessions.read("s")).toBeUndefined();
  await expect.poll(() => state.ledger.read(spec)).toEqual({ used: 4, held: 0, limit: 10 });
  await state.close();
  await dropNamespace(namespace);
});
