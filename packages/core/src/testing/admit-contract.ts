import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type {
  AdmissionChange,
  LimitState,
  ReserveItem,
  StateStore,
  StoreAdmissionAnswer,
} from "../store/state-store.ts";
import type { Behaviour } from "./contract-case.ts";
import { hard, limitOf, request, soft } from "./contract-requests.ts";

const DONE: StoreAdmissionAnswer = { isAdmitted: true };
const CALLED_OFF: StoreAdmissionAnswer = { isAdmitted: false, reservation: undefined };
const BUDGET = limitOf(10);

type Change = AdmissionChange["change"];

/** One more, whatever is there. */
const counted: Change = (old) => Number(old ?? 0) + 1;
const unlessOfAnother: Change = (old) => (old === "of another" ? old : "mine");
const unlessThere =
  (value: unknown): Change =>
  (old) =>
    old ?? value;

const fail: Change = () => {
  throw new RangeError("not so");
};

/** What every store promises that admits in one step; a store without `admit` promises nothing of it. */
export const ADMIT_BEHAVIOURS: readonly Behaviour[] = (
  [
    [
      "admits whole: takes every limit and writes every document",
      async ({ store }) => {
        const items = [hard(BUDGET, 4), hard(limitOf(5, "calls"), 1)];
        deepStrictEqual(await admit(store, "a", items, [counted, unlessThere("mine")]), DONE);
        deepStrictEqual(await accounts(store, items), [
          [0, 4],
          [1, 0],
        ]);
        deepStrictEqual(await documents(store), [1, "mine"]);
        await store.ledger.settle("a", [3]);
        deepStrictEqual(await accounts(store, items), [
          [3, 0],
          [1, 0],
        ]);
      },
    ],
    [
      "admits without limits, deletes on undefined, and forgets in time",
      async ({ store, advanceMs }) => {
        await store.sessions.update("s", () => "old");
        deepStrictEqual(await admit(store, "a", [], [() => undefined, unlessThere("mine")], 1_000), DONE);
        deepStrictEqual(await documents(store), [undefined, "mine"]);
        await advanceMs(1_100);
        deepStrictEqual(await documents(store), [undefined, undefined]);
      },
    ],
    [
      "does nothing of an admission that exceeds a limit, also a soft one, and says which",
      async ({ store }) => {
        const free = hard(limitOf(7), 1);
        for (const over of [hard(BUDGET, 11), soft(BUDGET, 11)]) {
          // oxlint-disable-next-line no-await-in-loop -- one after the other on one store
          const answer = await admit(store, "a", [free, over], [counted, unlessThere("mine")]);
          ok(!answer.isAdmitted);
          strictEqual(answer.reservation?.isGranted, over.isSoft);
          deepStrictEqual(
            answer.reservation?.breaches.map(({ index }) => index),
            [1],
          );
          // oxlint-disable-next-line no-await-in-loop -- as above
          deepStrictEqual(await accounts(store, [free, over]), NOTHING_TAKEN);
        }
        deepStrictEqual(await documents(store), [undefined, undefined]);
      },
    ],
    [
      "does nothing of an admission that exceeds a limit, also a soft one, where it writes no documents",
      async ({ store }) => {
        for (const over of [hard(BUDGET, 11), soft(BUDGET, 11)]) {
          const items = [hard(limitOf(7), 1), over];
          // oxlint-disable-next-line no-await-in-loop -- one after the other on one store
          const answer = await admit(store, "a", items, []);
          ok(!answer.isAdmitted);
          strictEqual(answer.reservation?.isGranted, over.isSoft);
          // oxlint-disable-next-line no-await-in-loop -- as above
          deepStrictEqual(await accounts(store, items), NOTHING_TAKEN);
        }
      },
    ],
    [
      "does nothing of an admission that a change calls off, by what is really there",
      async ({ store, second = store }) => {
        const items = [hard(BUDGET, 1)];
        await store.admissions.update("c", () => "of this process");
        await second.admissions.update("c", () => "of another");
        deepStrictEqual(await admit(store, "a", items, [counted, unlessOfAnother]), CALLED_OFF);
        deepStrictEqual(await accounts(store, items), [[0, 0]]);
        deepStrictEqual(await documents(store), [undefined, "of another"]);
        await second.admissions.update("c", () => "free");
        deepStrictEqual(await admit(store, "a", items, [counted, unlessOfAnother]), DONE);
        deepStrictEqual(await documents(store), [1, "mine"]);
      },
    ],
    [
      "leaves what an earlier request of the same id holds as it was, where it does not admit",
      async ({ store }) => {
        await store.ledger.reserve(request("a", [hard(BUDGET, 4)]));
        const answer = await admit(store, "a", [hard(BUDGET, 11)], [counted]);
        ok(!answer.isAdmitted);
        deepStrictEqual(await accounts(store, [hard(BUDGET, 4)]), [[0, 4]]);
        deepStrictEqual(await admit(store, "a", [hard(BUDGET, 4)], [counted]), DONE);
        deepStrictEqual(await accounts(store, [hard(BUDGET, 4)]), [[0, 4]]);
      },
    ],
    [
      "of many admissions of one call at once, by every process, one comes through",
      async ({ store, second = store }) => {
        const items = [hard(limitOf(1_000), 1)];
        const answers = await Promise.all(
          Array.from({ length: 24 }, async (_, at) =>
            admit(at % 2 === 0 ? store : second, `a${at}`, items, [counted, unlessThere(at)]),
          ),
        );
        strictEqual(answers.filter(({ isAdmitted }) => isAdmitted).length, 1);
        deepStrictEqual(await accounts(store, items), [[0, 1]]);
        strictEqual(await store.sessions.read("s"), 1);
      },
    ],
    [
      "of many calls at once, by every process, as many come through as fit, and each is written once",
      async ({ store, second = store }) => {
        const items = [hard(limitOf(100), 1)];
        const stores = [store, second];
        const answers = await Promise.all(
          Array.from({ length: 240 }, async (_, at) => {
            const entered: Change = (old) => [...(Array.isArray(old) ? old : []), at];
            return admit(stores[at % 2]!, `a${at}`, items, [entered]);
          }),
        );
        const admitted = [...answers.keys()].filter((at) => answers[at]!.isAdmitted);
        strictEqual(admitted.length, 100);
        for (const answer of answers) ok(answer.isAdmitted || answer.reservation?.isGranted === false);
        deepStrictEqual(await accounts(second, items), [[0, 100]]);
        const written = await second.sessions.read<readonly number[]>("s");
        deepStrictEqual(
          written?.toSorted((a, b) => a - b),
          admitted,
        );
      },
    ],
    [
      "of calls at once only those are refused, called off or failed that it is about",
      async ({ store }) => {
        const free = [hard(BUDGET, 1)];
        const answers = await Promise.allSettled([
          admit(store, "first", free, [counted]),
          admit(store, "over", [hard(BUDGET, 11)], [counted]),
          admit(store, "soft", [soft(BUDGET, 10)], [counted]),
          admit(store, "off", free, [(old) => old]),
          admit(store, "bad", free, [fail]),
          store.sessions.update<number>("s", (old) => (old ?? 0) + 1),
          admit(store, "first", free, [counted]),
          admit(store, "last", [hard(BUDGET, 9)], [counted]),
        ]);
        deepStrictEqual(
          answers.map((one) => (one.status === "rejected" ? String(one.reason) : one.value)),
          [
            DONE,
            { isAdmitted: false, reservation: { isGranted: false, breaches: [{ index: 0 }] } },
            { isAdmitted: false, reservation: { isGranted: true, breaches: [{ index: 0 }] } },
            CALLED_OFF,
            "RangeError: not so",
            2,
            DONE,
            DONE,
          ],
        );
        deepStrictEqual(await accounts(store, free), [[0, 10]]);
        strictEqual(await store.sessions.read("s"), 4);
      },
    ],
    [
      "tells those who follow a document that was written so",
      async ({ store, advanceMs }) => {
        const seen: unknown[] = [];
        const unwatch = store.sessions.watch("", { changed: (key, value) => seen.push([key, value]) });
        deepStrictEqual(await admit(store, "a", [], [unlessThere("mine\u0000\ud83d\ude00")]), DONE);
        for (let waited = 0; waited < 50 && seen.length === 0; waited++) {
          // oxlint-disable-next-line no-await-in-loop -- until it is told, which takes a server a moment
          await advanceMs(100);
        }
        unwatch();
        deepStrictEqual(seen, [["s", "mine\u0000\ud83d\ude00"]]);
      },
    ],
  ] satisfies readonly Behaviour[]
).map(([name, check]): Behaviour => [
  `in one step: ${name}`,
  async (subject) => (subject.store.admit === undefined ? undefined : check(subject)),
]);

const NOTHING_TAKEN = [
  [0, 0],
  [0, 0],
];

/** The session `s` and the call `c`, by position. */
async function admit(
  store: StateStore,
  id: string,
  items: readonly ReserveItem[],
  [inSession, ofCall]: readonly Change[],
  ttlMs?: number,
): Promise<StoreAdmissionAnswer> {
  const kept = ttlMs === undefined ? {} : { ttlMs };
  const changes: AdmissionChange[] = [];
  if (inSession !== undefined) changes.push({ collection: "sessions", key: "s", change: inSession, ...kept });
  if (ofCall !== undefined) changes.push({ collection: "admissions", key: "c", change: ofCall, ...kept });
  const reserve = items.length === 0 ? undefined : request(id, items);
  const answer = await store.admit?.({ reserve, changes });
  ok(answer !== undefined);
  return answer;
}

async function accounts(store: StateStore, items: readonly ReserveItem[]): Promise<readonly number[][]> {
  const states: readonly LimitState[] = await Promise.all(
    items.map(async ({ spec }) => store.ledger.read(spec)),
  );
  return states.map(({ used, held }) => [used, held]);
}

async function documents({ sessions, admissions }: StateStore): Promise<readonly unknown[]> {
  return [await sessions.read("s"), await admissions.read("c")];
}
