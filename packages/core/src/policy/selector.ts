/** Whom a policy concerns: dimensions are AND-ed, the patterns of a list OR-ed, `!pattern` excludes. */
export interface SelectorSpec {
  readonly agents?: readonly string[];
  readonly tenants?: readonly string[];
  readonly users?: readonly string[];
  readonly tools?: readonly string[];
  readonly hookpoints?: readonly string[];
  /** Every named tag must be present and match. */
  readonly tags?: Readonly<Record<string, string | readonly string[]>>;
}

/** What a selector selects by one list of patterns each. */
export const PATTERN_DIMENSIONS = [
  "agents",
  "tenants",
  "users",
  "tools",
  "hookpoints",
] as const satisfies readonly (keyof SelectorSpec)[];
