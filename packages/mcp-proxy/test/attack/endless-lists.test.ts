import { expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

/** What a client hears of a server whose pages are these, by cursor; the first is of none. */
async function listed(pageOf: (cursor: string | undefined) => object) {
  let count = 0;
  const wired = wiredRelay(
    {},
    {
      serve: ({ params }) => {
        count++;
        return { result: pageOf((params as { cursor?: string }).cursor) };
      },
    },
  );
  wired.client(request(1, "tools/list"));
  const answer = await wired.answer(1);
  await wired.plane.close();
  return { answer, count };
}

test.each([
  ["itself", () => "a", 2],
  ["two in turn", (cursor: string | undefined) => (cursor === "a" ? "b" : "a"), 3],
])("a list that goes round by %s is an error that says so", async (_how, next, asked) => {
  const { answer, count } = await listed((cursor) => ({ tools: [{ name: "f" }], nextCursor: next(cursor) }));
  expect(answer).toHaveProperty("error.message", expect.stringContaining("names one before it"));
  expect(answer).not.toHaveProperty("result");
  expect(count).toBe(asked);
});

test("a list of ever more pages is an error that says so", async () => {
  const { answer, count } = await listed((cursor = "0") => ({
    tools: [],
    nextCursor: String(Number(cursor) + 1),
  }));
  expect(answer).toHaveProperty("error.message", expect.stringContaining("more than 1000 pages"));
  expect(count).toBe(1_001);
});

test("a list of pages that are long together is an error that says so", async () => {
  const note = "x".repeat(9 * 1024 * 1024);
  const { answer, count } = await listed((cursor = "0") => ({
    tools: [],
    nextCursor: String(Number(cursor) + 1),
    ...(cursor !== "0" && { note }),
  }));
  expect(answer).toHaveProperty("error.message", expect.stringContaining("bytes"));
  expect(count).toBe(9);
}, 30_000);
