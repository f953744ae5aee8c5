import { expect, test } from "vitest";

import { Keyspace } from "../src/connection/keyspace.ts";
import { LeaseBook } from "../src/lease/lease-book.ts";
import { LeaseExchanger } from "../src/lease/lease-exchange.ts";
import { budget } from "./limits.ts";

test("a retry waits for what is under way, and not for what begins meanwhile", async () => {
  const answers: (() => void)[] = [];
  const call = (): Promise<readonly number[]> => new Promise((resolve) => answers.push(() => resolve([1])));
  const exchanger = new LeaseExchanger({
    caller: { call },
    keyspace: new Keyspace("retry"),
    ttlMs: 60_000,
    clientId: "one",
    elapsedMs: () => 0,
  });
  const book = new LeaseBook();
  const begin = (key: string): Promise<unknown> =>
    exchanger.exchange([{ lease: book.obtain(budget(key, 10)), limit: 10, least: 1, most: 1 }]);
  const first = begin("a");
  const retried = exchanger.retry();
  const second = begin("b");
  answers[0]?.();
  await retried;
  expect(answers).toHaveLength(2);
  answers[1]?.();
  await Promise.all([first, second]);
});
