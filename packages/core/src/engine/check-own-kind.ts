import { suggest } from "../base/did-you-mean.ts";
import type { CompiledRule, CompileTools, RuleKind } from "../rules/rule.ts";

type Member = keyof CompiledRule;

/** What makes a rule do anything, by its timing. */
const EFFECTS = {
  blocking: ["check", "limits", "obligations"],
  nonBlocking: ["observe", "audit", "limits"],
} as const satisfies Record<string, readonly Member[]>;

/** All of them, so that none is forgotten where one is added. */
const MEMBERS: readonly string[] = Object.keys({
  check: 1,
  limits: 1,
  obligations: 1,
  observe: 1,
  audit: 1,
  neverAsks: 1,
  reads: 1,
  span: 1,
  timeoutMs: 1,
  close: 1,
} satisfies Record<Member, 1>);

/**
 * Refuses a kind of the user's own that would be passed over in silence: one whose rule has a member that nobody reads,
 * none that does anything, or that looks at no hookpoint there is.
 * @param compiled What its `compile` returned; from JavaScript it may be anything.
 */
export function checkOwnKind(kind: RuleKind, compiled: unknown, tools: CompileTools): void {
  const { hookpoints, timing } = kind;
  const refuse = (what: string, suggestion: string): never =>
    tools.fail("", `the kind "${kind.kind}" ${what}`, suggestion);
  const known = ["*", "before_*", ...tools.hookpoints];
  const lost = hookpoints.length === 0 ? "" : hookpoints.find((one) => !known.includes(one));
  if (lost !== undefined) refuse(`looks at "${lost}", which is no hookpoint`, suggest(lost, known));
  const rule = Object(compiled) as Partial<CompiledRule>;
  const names = Object.keys(rule);
  const unread = names.find((name) => !MEMBERS.includes(name));
  if (unread !== undefined) refuse(`compiles to "${unread}", which nobody reads`, suggest(unread, MEMBERS));
  const effects = EFFECTS[timing];
  if (!effects.some((name) => names.includes(name) && rule[name] !== undefined))
    refuse("compiles to nothing that is done", `return ${effects.join(", ")}`);
}
