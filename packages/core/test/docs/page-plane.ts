import { expect } from "vitest";

import {
  createRegistry,
  HOOKPOINTS,
  lint,
  type AgentPlane,
  type ContextInit,
  type GuardedCall,
  type LintFinding,
  type MaybePromise,
  type Outcome,
} from "../../src/index.ts";
import {
  createTestPorts,
  type TestPortOverrides,
  type TestPorts,
} from "../../src/testing/create-test-ports.ts";
import { runSnippet, type SnippetNames, type SnippetWorld } from "./run-snippet.ts";

/** A snippet that was run, with the plane it made and the time and log of that plane. */
export interface RanPage {
  readonly plane: AgentPlane;
  readonly ports: TestPorts;
  readonly names: SnippetNames;
}

/**
 * Runs the snippet of a page that declares `plane`.
 * @param page Such as `docs/from-python.md`.
 * @param id The snippet's id.
 * @param given Ports to replace, and what else the snippet finds.
 */
export async function runPlane(
  page: string,
  id: string,
  given: { readonly ports?: TestPortOverrides; readonly world?: SnippetWorld } = {},
): Promise<RanPage> {
  const ports = createTestPorts(given.ports);
  const names = await runSnippet(page, id, { ...given.world, ports });
  expect(names, `${page}: snippet ${id} declares a plane`).toHaveProperty("plane");
  // Every snippet that is run through this function makes one; a wrong type fails at its first use.
  return { plane: names["plane"] as AgentPlane, ports, names };
}

/** Runs a tool under Guard. */
export function callTool<R>(
  plane: AgentPlane,
  init: ContextInit,
  run: GuardedCall<R>["run"],
): MaybePromise<Outcome<R>> {
  return plane.guard.toolCall({ context: plane.guard.context(init), run });
}

/** What lint says about the policies in force. */
export function lintOf(plane: AgentPlane): readonly LintFinding[] {
  const policies = plane.engine.policies().map(({ policy }) => policy);
  return lint(policies, { registry: createRegistry(), tools: {}, hookpoints: HOOKPOINTS, hasResolver: true });
}
