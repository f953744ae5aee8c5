import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";

interface Counter {
  readonly count: number;
}

/** What a pattern language somewhere below could take for more than a letter. */
const MARKS = [
  "*",
  "%",
  "_",
  "?",
  "[",
  "]",
  "\\",
  "^",
  "{",
  "}",
  ":",
  "'",
  '"',
  " ",
  "\n",
  "\u{10ffff}",
  "\u{1f600}",
];

/** What every document store promises about keys, values and races. */
export const DOCUMENT_KEY_BEHAVIOURS: readonly Behaviour[] = [
  [
    "a prefix is text, whatever letters it is of",
    async ({ store: { ladders } }) => {
      const keys = MARKS.flatMap((mark) => [`p${mark}`, `p${mark}x`, `p${mark}${mark}`]);
      await Promise.all([...keys, "p", "px", "pxx"].map(async (key) => ladders.update(key, () => key)));
      for (const mark of MARKS) {
        const expected = keys.filter((key) => key.startsWith(`p${mark}`)).toSorted();
        // oxlint-disable-next-line no-await-in-loop -- one question after the other reads better when it fails
        const found = await ladders.list<string>(`p${mark}`);
        deepStrictEqual(
          found,
          expected.map((key) => [key, key]),
          `under the prefix ${JSON.stringify(`p${mark}`)}`,
        );
      }
      strictEqual((await ladders.list("")).length, keys.length + 3);
    },
  ],
  [
    "keys that look alike are documents of their own",
    async ({ store, second = store }) => {
      const keys = [
        "é",
        "e\u0301",
        "É",
        "k",
        "\u212a",
        "שלום",
        "\u{1f600}",
        "a\u0000",
        "a",
        "a ",
        "4:acme1:x",
        "5:acme1:x",
      ];
      await Promise.all(
        keys.map(async (key, index) => store.approvals.update<Counter>(key, () => ({ count: index }))),
      );
      const found = await Promise.all(keys.map(async (key) => second.approvals.read<Counter>(key)));
      deepStrictEqual(
        found,
        keys.map((_, index) => ({ count: index })),
      );
      await second.approvals.update("a", () => undefined);
      strictEqual((await store.approvals.list("")).length, keys.length - 1);
    },
  ],
  [
    "gives back any JSON, big or falsy, as it was",
    async ({ store, second = store }) => {
      const values = [
        { text: "x".repeat(1_000_000) },
        {
          text: "\u0000\n\"'\\\u2028\u{1f600}שלום",
          list: [1.5, -0.1, 1e308, Number.MAX_SAFE_INTEGER, [], {}, null],
        },
        false,
        0,
        "",
      ];
      await Promise.all(values.map(async (value, index) => store.versions.update(`v${index}`, () => value)));
      const found = await second.versions.list("v");
      deepStrictEqual(
        found,
        values.map((value, index) => [`v${index}`, value]),
      );
    },
  ],
  [
    "loses no update of many at once, over several keys",
    async ({ store, second = store }) => {
      const many = Array.from({ length: 200 }, async (_, index) =>
        (index % 2 === 0 ? store : second).sessions.update<Counter>(
          `k${index % 4}`,
          (old) => ({ count: (old?.count ?? 0) + 1 }),
          { ttlMs: 60_000 },
        ),
      );
      await Promise.all(many);
      const found = await second.sessions.list<Counter>("k");
      deepStrictEqual(
        found.map(([, { count }]) => count),
        [50, 50, 50, 50],
      );
    },
  ],
  [
    "of many that claim a key at once one gets it, and all see whose it is",
    async ({ store, second = store }) => {
      const claims = Array.from({ length: 50 }, async (_, index) =>
        (index % 2 === 0 ? store : second).admissions.update<Counter>(
          "claim",
          (old) => old ?? { count: index },
        ),
      );
      const seen = new Set((await Promise.all(claims)).map((claim) => claim?.count));
      strictEqual(seen.size, 1);
    },
  ],
  [
    "a change that throws leaves the document as it was, and nothing locked",
    async ({ store, second = store }) => {
      await store.controls.update<Counter>("a", () => ({ count: 1 }));
      await rejects(async () => store.controls.update("a", refuse), RangeError);
      deepStrictEqual(
        await second.controls.update<Counter>("a", (old) => ({ count: (old?.count ?? 0) + 1 })),
        {
          count: 2,
        },
      );
    },
  ],
  [
    "a write without a time keeps a document that had one; a new one begins anew",
    async ({ store, second = store, advanceMs }) => {
      await store.sessions.update("kept", () => 1, { ttlMs: 300 });
      await second.sessions.update("kept", () => 2);
      await store.sessions.update("again", () => 1, { ttlMs: 300 });
      await store.sessions.update("again", () => undefined);
      await second.sessions.update("again", () => 2, { ttlMs: 60_000 });
      await store.sessions.update("gone", () => 1, { ttlMs: 300 });
      await advanceMs(350);
      deepStrictEqual(await second.sessions.list(""), [
        ["again", 2],
        ["kept", 2],
      ]);
    },
  ],
];

function refuse(): never {
  throw new RangeError("not like this");
}
