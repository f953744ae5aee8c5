import { AssertionError } from "node:assert/strict";

import { describe, expect, test } from "vitest";

import {
  FEATURES,
  REQUIREMENTS,
  WAYS,
  type Crossing,
  type RequirementId,
} from "../../src/testing/requirements.ts";
import type { AdapterDriver } from "../../src/testing/adapter-driver.ts";
import {
  conformanceSuite,
  type ConformanceCase,
  type ConformanceOptions,
} from "../../src/testing/conformance.ts";
import { MUTANTS } from "../../src/testing/mutants.ts";
import { NOT_APPLICABLE } from "../../src/testing/not-applicable.ts";
import { createReferenceDriver } from "../../src/testing/reference-driver.ts";
import { SCENARIOS } from "../../src/testing/scenarios/all-scenarios.ts";
import { PINNED_REQUIREMENTS } from "./pinned-requirements.ts";
import { createSlowState } from "./slow-state.ts";

describe("the reference adapter", () => {
  const cases = conformanceSuite({ name: "reference", createDriver: () => createReferenceDriver() });
  test.for(cases)("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("the reference adapter over a store that answers late", () => {
  const createDriver = (): AdapterDriver => ({ ...createReferenceDriver(), createState: createSlowState });
  test.for(conformanceSuite({ name: "reference", createDriver }))("$id: $sentence", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("every mutant fails what it breaks", () => {
  const broken = MUTANTS.flatMap(({ name, mistake, breaks, create }) => {
    const createDriver = (): ReturnType<typeof createReferenceDriver> => createReferenceDriver(create());
    const cases = conformanceSuite({ name, createDriver, timeoutMs: 2_000 });
    return cases.filter(({ id }) => breaks.includes(id)).map(({ id, run }) => ({ name, mistake, id, run }));
  });
  test.for(broken)("$id catches an adapter that $mistake ($name)", async ({ run }) => {
    const failure = await run().then(
      () => undefined,
      (error: unknown) => error,
    );
    // It fails by the requirement's own check, not by breaking down or never ending.
    expect(failure).toBeInstanceOf(AssertionError);
    expect(failure).not.toHaveProperty("message", expect.stringContaining("did not finish"));
  });

  test("and every requirement is broken by one of them", () => {
    const caught = new Set(MUTANTS.flatMap(({ breaks }) => breaks));
    expect(REQUIREMENTS.map(({ id }) => id).filter((id) => !caught.has(id))).toStrictEqual([]);
  });
});

test("an adapter that governs nothing meets only what is about not standing in the way", async () => {
  const met: string[] = [];
  for (const { id, run } of suiteOf({ createDriver: withoutPlane, timeoutMs: 1_000 })) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as test runners do
    await run().then(
      () => met.push(id),
      () => undefined,
    );
  }
  expect(met).toStrictEqual([
    // What a framework does by itself: names that no tool has run nothing, an abort ends a run.
    "block.invented",
    "block.aborted",
    "READ_ONLY.invented",
    "NO_EXTERNAL.invented",
    "SAFE_TOOLS_ONLY.invented",
    "passthrough.plain",
    "passthrough.stream",
    "passthrough.error",
    "passthrough.shadow",
  ]);
});

describe("the table of requirements", () => {
  const crossings = FEATURES.flatMap((feature) => WAYS.map((way): Crossing => `${feature}.${way}`));
  const required: ReadonlySet<string> = new Set(REQUIREMENTS.map(({ id }) => id));

  test.for(crossings)("%s is either required or left out with a reason", (crossing) => {
    expect(required.has(crossing)).toBe(NOT_APPLICABLE[crossing] === undefined);
  });

  test("holds exactly the pinned requirements", () => {
    expect(REQUIREMENTS.map(({ id }) => id)).toStrictEqual(PINNED_REQUIREMENTS);
  });

  test("has one scenario for each requirement", () => {
    expect(SCENARIOS.map(({ id }) => id).toSorted()).toStrictEqual([...required].toSorted());
  });
});

describe("a suite", () => {
  test("refuses a skip of something that is no requirement, and says what was meant", () => {
    const skips = JSON.parse('{ "block.plian": "later" }');
    expect(() => suiteOf({ skips })).toThrow(/"block\.plian", which is no requirement.*block\.plain/);
  });

  test("refuses a skip without a reason", () => {
    expect(() => suiteOf({ skips: { "block.plain": " " } })).toThrow(/without a reason/);
  });

  test("names the reason of a skip", () => {
    const skipped = suiteOf({ skips: { "block.plain": "later" } }).find(({ id }) => id === "block.plain");
    expect(skipped?.skipped).toBe("later");
  });

  test("fails a requirement whose capability the driver lacks and that is not skipped", async () => {
    const createDriver = withoutStreams;
    await expect(runOf("block.stream", { createDriver })).rejects.toThrow(/lacks "stream"/);
    await expect(runOf("block.plain", { createDriver })).resolves.toBeUndefined();
  });

  test("accepts a skip of what the framework cannot do", async () => {
    const skips = { "block.stream": "the framework does not stream" };
    await expect(runOf("block.stream", { createDriver: withoutStreams, skips })).resolves.toBeUndefined();
  });

  test("fails a skip of what the adapter meets", async () => {
    const skips = { "block.plain": "not done yet" };
    await expect(runOf("block.plain", { skips })).rejects.toThrow(/take it out of the skips/);
  });

  test("accepts a skip of what the adapter does not meet", async () => {
    const ignoring = MUTANTS.find(({ name }) => name === "ignores-denials")?.create();
    const createDriver = (): AdapterDriver => createReferenceDriver(ignoring);
    await expect(
      runOf("block.plain", { createDriver, skips: { "block.plain": "later" } }),
    ).resolves.toBeUndefined();
  });

  test("closes the driver when a requirement fails, and when it never ends", async () => {
    const closed: string[] = [];
    const createDriver = (run: AdapterDriver["run"], name: string) => (): AdapterDriver => ({
      capabilities: [],
      run,
      resume: async (paused) => paused,
      close: () => void closed.push(name),
    });
    const failing = createDriver(() => Promise.reject(new Error("no")), "failing");
    await expect(runOf("block.plain", { createDriver: failing })).rejects.toThrow("no");
    const hanging = createDriver(() => new Promise(() => undefined), "hanging");
    await expect(runOf("block.plain", { createDriver: hanging, timeoutMs: 1 })).rejects.toThrow(
      /did not finish/,
    );
    expect(closed).toStrictEqual(["failing", "hanging"]);
  });
});

function withoutPlane(): AdapterDriver {
  return createReferenceDriver({ planeOf: () => undefined });
}

function withoutStreams(): AdapterDriver {
  const driver = createReferenceDriver();
  return { ...driver, capabilities: driver.capabilities.filter((capability) => capability !== "stream") };
}

function suiteOf(options: Partial<ConformanceOptions>): readonly ConformanceCase[] {
  return conformanceSuite({ name: "mine", createDriver: () => createReferenceDriver(), ...options });
}

function runOf(id: RequirementId, options: Partial<ConformanceOptions>): Promise<void> | undefined {
  return suiteOf(options)
    .find((one) => one.id === id)
    ?.run();
}
