/** The actions of an agent that can be governed, in semantics.md's words. */
export const ACTIONS = [
  "agent",
  "model_call",
  "tool_call",
  "handoff",
  "resource_read",
  "prompt_get",
  "elicitation",
  "tool_list",
] as const;

/** An action the engine knows by name. */
export type Action = (typeof ACTIONS)[number];

/** A moment in an agent's run at which policies are asked. */
export type KnownHookpoint = `before_${Action}` | `after_${Action}`;

/** A known hookpoint or a custom one declared in `createAgentPlane({ hookpoints })`. */
// oxlint-disable-next-line typescript/ban-types -- keeps completion for the known names beside any string
export type Hookpoint = KnownHookpoint | (string & {});

/** Every built-in hookpoint. */
export const HOOKPOINTS: readonly KnownHookpoint[] = ACTIONS.flatMap((action): KnownHookpoint[] => [
  `before_${action}`,
  `after_${action}`,
]);

/** Tells whether at this hookpoint the action has already happened. */
export function isAfter(hookpoint: Hookpoint): boolean {
  return hookpoint.startsWith("after_");
}

/**
 * The hookpoint that follows an action: `before_tool_call` → `after_tool_call`, a custom `publish` → `after_publish`. One
 * that followed itself would have its result taken for its input.
 */
export function afterOf(hookpoint: Hookpoint): Hookpoint {
  const known = AFTER.get(hookpoint);
  if (known !== undefined) return known;
  if (isAfter(hookpoint)) return hookpoint;
  return `after_${hookpoint.startsWith("before_") ? hookpoint.slice("before_".length) : hookpoint}`;
}

/** Asked at every call: texts that are made once are found by identity everywhere else. */
const AFTER: ReadonlyMap<string, Hookpoint> = new Map(
  ACTIONS.map((action) => [`before_${action}`, `after_${action}`]),
);
const ACTION_OF: ReadonlyMap<string, string> = new Map(
  ACTIONS.flatMap((action) => [[`before_${action}`, action] as const, [`after_${action}`, action] as const]),
);

/** The action a hookpoint belongs to; a custom hookpoint is its own action. */
export function actionOf(hookpoint: Hookpoint): string {
  return ACTION_OF.get(hookpoint) ?? hookpoint.replace(/^(?:before|after)_/, "");
}

/** What a custom hookpoint may be called. */
export const HOOKPOINT_PATTERN = /^[a-z][a-z0-9_]{0,63}$/;
