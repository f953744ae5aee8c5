import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { watchPolicyFile } from "../../src/node/watch-policy-file.ts";
import { createFakeClock } from "../../src/testing/fake-clock.ts";
import { systemError } from "./memory-files.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

function nothing(): void {}

const GOOD = "policies: [a]\n";

/** A watched file that the test holds, on a fake clock. */
function watched(options: { onChange?: (document: unknown) => void } = {}) {
  const clock = createFakeClock();
  const state = { text: GOOD as string | undefined, stamp: 0 };
  const taken: unknown[] = [];
  const errors: string[] = [];
  let tell: () => void = nothing;
  const look = async (): Promise<string> => {
    if (state.text === undefined) throw systemError("ENOENT");
    return state.text;
  };
  const watch = watchPolicyFile("p.yaml", {
    timers: clock,
    loaded: GOOD,
    file: {
      read: look,
      stamp: async () => `${(await look()).length}:${state.stamp}`,
      onEvent(changed) {
        tell = changed;
        return () => (tell = nothing);
      },
    },
    onChange(document) {
      options.onChange?.(document);
      taken.push(document);
    },
    onError: (error) => errors.push(error.message),
  });
  const settle = async (ms: number): Promise<void> => {
    // Small steps: each look sets the timer of the next.
    for (let passed = 0; passed < ms; passed += 50) {
      // oxlint-disable-next-line no-await-in-loop
      await clock.advanceAsync(50);
    }
  };
  return {
    clock,
    state,
    taken,
    errors,
    watch,
    settle,
    change(text: string | undefined, isNoticed = true) {
      state.text = text;
      state.stamp += 1;
      if (isNoticed) tell();
    },
  };
}

test("hands over a new content once, after it has settled", async () => {
  const { change, settle, taken, errors } = watched();
  await settle(500);
  expect(taken).toStrictEqual([]);
  change("policies: [b]");
  await settle(50);
  expect(taken).toStrictEqual([]);
  await settle(10_000);
  expect(taken).toStrictEqual([{ policies: ["b"] }]);
  expect(errors).toStrictEqual([]);
});

test("waits while the file is still being written, even where each part would parse", async () => {
  const { change, settle, taken } = watched();
  await settle(500);
  for (const text of ["policies:\n", "policies:\n- b\n", "policies:\n- b\n- c\n"]) {
    change(text);
    // oxlint-disable-next-line no-await-in-loop
    await settle(100);
  }
  await settle(500);
  expect(taken).toStrictEqual([{ policies: ["b", "c"] }]);
});

test("does not take a content that changed while it was read", async () => {
  const { state, watch, taken } = watched();
  state.text = "policies: [half]";
  const checked = watch.check();
  state.text = "policies: [half, whole]";
  await checked;
  expect(taken).toStrictEqual([]);
  await watch.check();
  expect(taken).toStrictEqual([{ policies: ["half", "whole"] }]);
});

test("a broken file changes nothing and is reported once per error", async () => {
  const { change, settle, taken, errors } = watched();
  change("policies: [b");
  await settle(10_000);
  expect(errors).toHaveLength(1);
  change("policies: [b ");
  await settle(5_000);
  change('a: "');
  await settle(5_000);
  expect(errors.length).toBeGreaterThan(1);
  expect(new Set(errors).size).toBe(errors.length);
  expect(taken).toStrictEqual([]);
  change("policies: [c]");
  await settle(5_000);
  expect(taken).toStrictEqual([{ policies: ["c"] }]);
});

test("a content that its taker refuses is reported like a broken file, and the next good one is taken", async () => {
  const { change, settle, taken, errors } = watched({
    onChange(document) {
      if (JSON.stringify(document).includes("typo")) throw new Error("unknown kind");
    },
  });
  for (const text of ["policies: [typo]", "policies: [typo, typo]"]) {
    change(text);
    // oxlint-disable-next-line no-await-in-loop
    await settle(5_000);
  }
  expect(errors).toStrictEqual(["unknown kind"]);
  change("policies: [rate]");
  await settle(5_000);
  expect(taken).toStrictEqual([{ policies: ["rate"] }]);
});

test("the same error again after a good content is reported again", async () => {
  const { change, settle, errors } = watched();
  for (const text of ["a: [", "a: []", "a: ["]) {
    change(text);
    // oxlint-disable-next-line no-await-in-loop
    await settle(1_000);
  }
  expect(errors).toHaveLength(2);
});

test("a file that is gone is reported once, and taken again when it is back", async () => {
  const { change, settle, taken, errors } = watched();
  await settle(500);
  change(undefined);
  await settle(10_000);
  expect(errors).toStrictEqual([expect.stringContaining("ENOENT")]);
  change("policies: [b]");
  await settle(1_000);
  expect(taken).toStrictEqual([{ policies: ["b"] }]);
});

test("finds a change that no event told of", async () => {
  const { change, settle, taken } = watched();
  await settle(500);
  change("policies: [b]", false);
  await settle(2_500);
  expect(taken).toHaveLength(1);
});

test("after close nothing is handed over and no timer is left", async () => {
  const { change, settle, taken, watch, clock } = watched();
  await settle(500);
  change("policies: [b]");
  await watch.close();
  await settle(5_000);
  expect(taken).toStrictEqual([]);
  expect(clock.pending).toBe(0);
});

/** Follows a real file; `next` settles with the next content or error. */
function follow(file: string) {
  const seen: unknown[] = [];
  let wake: () => void = nothing;
  const tell = (value: unknown): void => {
    seen.push(value);
    wake();
  };
  const watch = watchPolicyFile(file, { settleMs: 5, pollMs: 50, onChange: tell, onError: tell });
  onTestFinished(() => watch.close());
  return async (): Promise<unknown> => {
    if (seen.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return seen.shift();
  };
}

test("follows a real file that is written, replaced by rename, removed and put back", async () => {
  const file = path.join(temporaryDirectory(), "p.yaml");
  writeFileSync(file, "a: 1\n");
  const next = follow(file);
  expect(await next()).toStrictEqual({ a: 1 });
  writeFileSync(`${file}.new`, "a: 2\n");
  renameSync(`${file}.new`, file);
  expect(await next()).toStrictEqual({ a: 2 });
  rmSync(file);
  expect(await next()).toBeInstanceOf(Error);
  writeFileSync(file, "a: 3\n");
  expect(await next()).toStrictEqual({ a: 3 });
});

test("follows a link that is swapped, as mounted configuration is", async () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => path.join(directory, name);
  writeFileSync(at("one.yaml"), "a: 1\n");
  writeFileSync(at("two.yaml"), "a: 2\n");
  symlinkSync("one.yaml", at("p.yaml"));
  const next = follow(at("p.yaml"));
  expect(await next()).toStrictEqual({ a: 1 });
  symlinkSync("two.yaml", at("p.new"));
  renameSync(at("p.new"), at("p.yaml"));
  expect(await next()).toStrictEqual({ a: 2 });
});
