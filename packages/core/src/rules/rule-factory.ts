import type { RuleSpec } from "../policy/policy.ts";
import { BUILT_IN_RULES } from "./registry.ts";
import type { RuleKind } from "./rule.ts";
import { isSchemaOfLibrary, jsonSchemaOf } from "./standard-schema.ts";

/** What people write for a rule of a kind: its parameters and, where the kind repeats, an id. */
export type RuleInput<Kind extends RuleKind> =
  Kind extends RuleKind<unknown, string, infer Input> ? Input & { readonly id?: string } : never;

/** Builds the plain data of one rule; parameters may be left out where all are optional. */
export type RuleFactory<Kind extends RuleKind> =
  Record<string, never> extends RuleInput<Kind>
    ? (params?: RuleInput<Kind>) => RuleSpec
    : (params: RuleInput<Kind>) => RuleSpec;

/** One typed factory per kind. */
export type RuleFactories<Kinds extends readonly RuleKind[]> = {
  readonly [Kind in Kinds[number] as Kind["kind"]]: RuleFactory<Kind>;
};

/**
 * Makes typed factories for kinds, such as the user's own.
 * @param kinds Kinds made with `defineRule`.
 * @example const mine = createRuleFactories([weekendOnly]); mine.weekendOnly({ timeZone: "UTC" });
 */
export function createRuleFactories<const Kinds extends readonly RuleKind[]>(
  kinds: Kinds,
): RuleFactories<Kinds> {
  const factories = kinds.map(({ kind }) => [kind, (params?: object) => ruleSpec(kind, params)] as const);
  // Object.fromEntries forgets which key has which type; the mapped type is built from the same list.
  return Object.freeze(Object.fromEntries(factories)) as RuleFactories<Kinds>;
}

/**
 * Typed factories of the built-in kinds; each returns the same plain data that a policy file contains.
 * @throws ConfigError where a parameter is a schema that cannot be written as JSON Schema.
 * @example rule.rate({ limit: 100, window: "1h", per: "tenant" })
 */
export const rule: RuleFactories<typeof BUILT_IN_RULES> = createRuleFactories(BUILT_IN_RULES);

/** A policy is data: a schema of a library is written down as what it says. */
function ruleSpec(kind: string, params: object = {}): RuleSpec {
  const spec: Record<string, unknown> = { ...params };
  for (const [name, value] of Object.entries(spec))
    if (isSchemaOfLibrary(value)) spec[name] = jsonSchemaOf(value, name);
  return Object.freeze({ ...spec, rule: kind });
}
