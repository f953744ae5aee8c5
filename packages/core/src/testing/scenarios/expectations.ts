import { AssertionError, deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import { canonicalJson } from "../../base/canonical-json.ts";
import type { AgentRun, SeenResult } from "../adapter-driver.ts";
import type { World } from "./world.ts";

/** Requires that a tool was executed exactly so often. */
export function expectCount(world: World, tool: string, times: number): void {
  strictEqual(
    world.count(tool),
    times,
    `${tool} was executed ${world.count(tool)} times instead of ${times}`,
  );
}

/** Requires that providers were reached exactly so often. */
export function expectModelCalls({ modelCalls }: AgentRun, times: number): void {
  strictEqual(modelCalls.length, times, `a model was called ${modelCalls.length} times instead of ${times}`);
}

/** Requires how a run ended. */
export function expectStatus({ status, error }: AgentRun, wanted: AgentRun["status"]): void {
  const why = error instanceof Error ? `: ${error.name}: ${error.message}` : "";
  strictEqual(status, wanted, `the run is ${status} instead of ${wanted}${why}`);
}

/** The last thing a model was told of a call. */
export function resultOf({ results }: AgentRun, callId: string): SeenResult {
  const found = results.findLast((result) => result.callId === callId);
  if (found === undefined)
    throw new AssertionError({ message: `the model was told nothing of call ${callId}` });
  return found;
}

/** Requires that the model was told that a call failed, in words. */
export function expectRefused(run: AgentRun, callId: string): void {
  const { text, isError } = resultOf(run, callId);
  ok(isError, `the model was told that call ${callId} succeeded`);
  ok(text.trim() !== "", `the model was told nothing about why call ${callId} failed`);
}

/** Requires that the model was told that a call succeeded. */
export function expectSucceeded(run: AgentRun, callId: string): void {
  const { text, isError } = resultOf(run, callId);
  ok(!isError, `the model was told that call ${callId} failed: ${text}`);
}

/** What models and the caller see of a run, as texts. */
function everythingSeen({ modelCalls, results, text, pieces, error }: AgentRun): readonly string[] {
  const told = results.map((result) => result.text);
  const prompts = modelCalls.map(({ prompt }) => prompt);
  const failure = error instanceof Error ? error.message : JSON.stringify(error ?? "");
  return [...prompts, ...told, text, pieces.join(""), failure];
}

/** Requires that neither a model nor the caller has seen a text. */
export function expectHidden(run: AgentRun, secret: string): void {
  for (const seen of everythingSeen(run)) ok(!seen.includes(secret), "what must be hidden was shown");
}

/** Requires the inputs with which a tool was executed, in any order. */
export function expectInputs(world: World, tool: string, inputs: readonly unknown[]): void {
  const given = world.executions.filter((execution) => execution.tool === tool).map(({ input }) => input);
  deepStrictEqual(sorted(given), sorted(inputs), `${tool} was executed with another input`);
}

function sorted(inputs: readonly unknown[]): readonly string[] {
  return inputs.map((input) => canonicalJson(input)).toSorted();
}
