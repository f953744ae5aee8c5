import { expect, it } from "vitest";

import { CODEC, readAll, streamOf, type Chunk } from "./streams.ts";
import { createBench, modelCall, toolCall } from "../plane/bench.ts";

/** What works only when it is awaited, as the queries of many libraries do. */
function lazily<T>(work: () => T): Promise<T> {
  // The type of what every `await` takes for a promise.
  return { then: (resolve: (value: T) => void) => resolve(work()) } as unknown as Promise<T>;
}

it("work that begins when it is awaited is inside the call", async () => {
  const { guard } = createBench().plane;
  const run = (): Promise<boolean> => lazily(() => guard.isNested());
  const context = toolCall("search");
  expect(await guard.toolCall({ context, run })).toMatchObject({ status: "ran", result: true });
  expect(await guard.toolRun({ context, run })).toMatchObject({ status: "ran", result: true });
  const stream = await guard.modelStream<Chunk>({
    context: modelCall(),
    codec: CODEC,
    run: () => lazily(() => streamOf([String(guard.isNested())])),
  });
  if ("status" in stream) throw stream.error;
  expect(await readAll(stream)).toMatchObject({ text: "true" });
});

it("a function that can be awaited is awaited before the call ends", async () => {
  const { plane, outcomes } = createBench();
  const query = Object.assign(
    () => 0,
    lazily(() => outcomes().length),
  );
  const run = (): Promise<number> => query;
  const ran = await plane.guard.toolCall({ context: toolCall("search"), run });
  // Nothing was recorded yet when it worked.
  expect(ran).toMatchObject({ status: "ran", result: 0 });
  expect(outcomes()).toHaveLength(1);
});
