import { AssertionError } from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { AdapterDriver, Capability } from "./adapter-driver.ts";
import { REQUIREMENTS, type Requirement, type RequirementId } from "./requirements.ts";
import { SCENARIOS } from "./scenarios/all-scenarios.ts";
import type { Scenario } from "./scenarios/scenario.ts";

/** What a suite is made of. */
export interface ConformanceOptions {
  /** The adapter, as messages name it. */
  readonly name: string;
  /** Creates a fresh driver; called for each requirement. */
  readonly createDriver: () => MaybePromise<AdapterDriver>;
  /**
   * Requirements the adapter does not meet, each with the reason: a capability the framework lacks, or what is left to
   * do. A literal table in the adapter's test. Default: none.
   */
  readonly skips?: Readonly<Partial<Record<RequirementId, string>>>;
  /** How long one requirement may take, in ms. Default 10,000. */
  readonly timeoutMs?: number;
}

/** One requirement, ready to be run by any test runner. */
export interface ConformanceCase extends Requirement {
  /** Why the adapter need not meet it. */
  readonly skipped: string | undefined;
  /**
   * Rejects with what the adapter did wrong. For a skipped requirement the other way round: it rejects when the
   * framework could and the adapter does meet it, so that a skip never outlives its reason.
   */
  run(): Promise<void>;
}

/**
 * Gives one case for each requirement.
 * @throws AgentplaneError `usage_invalid` for a skip of something that is not a requirement, or without a reason.
 * @example
 * for (const { id, sentence, run } of conformanceSuite({ name: "mine", createDriver })) test(`${id}: ${sentence}`, run);
 */
export function conformanceSuite(options: ConformanceOptions): readonly ConformanceCase[] {
  const skips: ReadonlyMap<string, string> = new Map(Object.entries(options.skips ?? {}));
  checkSkips(skips, options.name);
  return REQUIREMENTS.map(({ id, sentence }) => {
    const skipped = skips.get(id);
    const found = scenarioOf(id);
    return {
      id,
      sentence,
      skipped,
      run: () => (skipped === undefined ? meets(found, options) : mustNotMeet(found, options)),
    };
  });
}

function checkSkips(skips: ReadonlyMap<string, string>, name: string): void {
  const known = REQUIREMENTS.map(({ id }) => id);
  for (const [id, reason] of skips) {
    if (!known.some((requirement) => requirement === id)) {
      throw new AgentplaneError(
        "usage_invalid",
        `${name} skips "${id}", which is no requirement; ${suggest(id, known)}`,
      );
    }
    if (reason.trim() === "")
      throw new AgentplaneError("usage_invalid", `${name} skips "${id}" without a reason`);
  }
}

function scenarioOf(id: RequirementId): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.id === id);
  if (found === undefined)
    throw new AgentplaneError("usage_invalid", `the requirement "${id}" has no scenario`);
  return found;
}

async function meets({ id, needs, run }: Scenario, options: ConformanceOptions): Promise<void> {
  const driver = await options.createDriver();
  const [lacking] = lackOf(driver, needs);
  if (lacking !== undefined) {
    const message = `${options.name} lacks "${lacking}", which ${id} needs: add ${id} to the skips, with the reason`;
    throw new AssertionError({ message });
  }
  await within(run(driver), options).finally(() => driver.close?.());
}

async function mustNotMeet(scenario: Scenario, options: ConformanceOptions): Promise<void> {
  const driver = await options.createDriver();
  if (lackOf(driver, scenario.needs).length > 0) return driver.close?.();
  const failure = await within(scenario.run(driver), options)
    .then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    .finally(() => driver.close?.());
  if (failure !== undefined) return;
  throw new AssertionError({ message: `${options.name} meets ${scenario.id}: take it out of the skips` });
}

function lackOf({ capabilities }: AdapterDriver, needs: readonly Capability[]): readonly Capability[] {
  return needs.filter((need) => !capabilities.includes(need));
}

/** A scenario in which one side waits for the other would hang on an adapter that never comes. */
async function within(run: Promise<void>, { name, timeoutMs = 10_000 }: ConformanceOptions): Promise<void> {
  const stop = new AbortController();
  const late = wait(timeoutMs, undefined, { signal: stop.signal, ref: false }).then(
    () => {
      throw new AssertionError({ message: `${name} did not finish within ${timeoutMs} ms` });
    },
    () => undefined,
  );
  try {
    await Promise.race([run, late]);
  } finally {
    stop.abort();
  }
}
