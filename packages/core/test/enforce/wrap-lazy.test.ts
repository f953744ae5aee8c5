import { Readable } from "node:stream";

import { describe, expect, it, vi } from "vitest";

import { enforce } from "../../src/enforce/wrap.ts";
import { createBench } from "../plane/bench.ts";

const WHO = { agent: "bot", tenant: "acme", tool: "search" } as const;

function* rows(closed: () => void): Generator<number> {
  try {
    yield 1;
    yield 2;
  } finally {
    closed();
  }
}

async function* pages(closed: () => void): AsyncGenerator<number> {
  try {
    yield 1;
    yield 2;
  } finally {
    closed();
  }
}

async function begun<G extends Generator | AsyncGenerator>(made: G): Promise<G> {
  await made.next();
  return made;
}

describe("what a governed function returns to be gone through later is refused, and closed:", () => {
  it.for<[string, (closed: () => void) => unknown]>([
    ["a stream of Node.js", (closed) => new Readable({ read() {}, destroy: closed })],
    ["a stream of the web", (closed) => new ReadableStream({ cancel: closed })],
    ["a generator at work", (closed) => begun(rows(closed))],
    ["an asynchronous generator at work", (closed) => begun(pages(closed))],
    [
      "a source of one's own",
      (closed) => ({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: closed }),
      }),
    ],
  ])("%s", async ([, make]) => {
    const { plane } = createBench();
    const closed = vi.fn<() => void>();
    const run = async (): Promise<unknown> => make(closed);
    await expect(enforce(plane.guard, run, WHO)()).rejects.toThrow(/guard\.toolRun/);
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  });

  it("with the same refusal where closing fails, or never ends", async () => {
    const { plane } = createBench();
    const next = (): Promise<never> => new Promise(() => undefined);
    const fail = (): never => {
      throw new Error("it cannot be closed");
    };
    for (const close of [fail, async () => fail(), next]) {
      const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
      expect(enforce(plane.guard, () => source, WHO)).toThrow(/guard\.toolRun/);
      expect(enforce(plane.guard, () => ({ ...source, destroy: close }), WHO)).toThrow(/guard\.toolRun/);
    }
    // A rejection that nobody handles fails the run of the tests.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
