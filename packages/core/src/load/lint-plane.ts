import { requireObject } from "../base/argument.ts";
import type { Policy } from "../policy/policy.ts";
import type { LintFinding, LintOptions } from "./lint-finding.ts";
import { lint } from "./lint.ts";

/** What `lint` is given: the policies of all sources, and what is known of the plane that they are in force on. */
export interface LintInput {
  readonly policies: readonly Policy[];
  readonly options: LintOptions;
}

/**
 * Finds what is in force on a plane but does not do what its author probably meant. No method of the plane: an application
 * that only runs policies does not carry the linter along.
 * @param plane A plane, whose policies of all sources are looked at.
 * @returns Findings in the order of the policies; empty when there is nothing to say.
 * @example for (const { message, suggestion } of lintPlane(plane)) console.warn(message, suggestion);
 */
export function lintPlane(plane: { lintInput(): LintInput }): readonly LintFinding[] {
  requireObject("lintPlane: plane", plane, "createAgentPlane()");
  const { policies, options } = plane.lintInput();
  return lint(policies, options);
}
