/** The six degradation modes, loosest meaning to people first; their joined effect is a table, not this order. */
export const MODES = [
  "READ_ONLY",
  "NO_EXTERNAL",
  "RATE_THROTTLE",
  "HUMAN_LOOP",
  "SAFE_TOOLS_ONLY",
  "FULL_BLOCK",
] as const;
export type Mode = (typeof MODES)[number];

/** How a mode ends. */
export type Recovery =
  | "manual"
  | { readonly after: string }
  | { readonly when: { readonly quietFor: string } }
  | { readonly when: { readonly headroom: { readonly rule: string; readonly atLeast: number } } };

/** Whom a mode may concern. */
export const MODE_SCOPES = ["agent", "tenant", "session", "global"] as const;

/** A mode to be set and how it is left. */
export interface DegradeSpec {
  readonly mode: Mode;
  /** Default `manual`. */
  readonly recover?: Recovery;
  /** Whom it concerns. Default `agent` (and its descendants). */
  readonly scope?: (typeof MODE_SCOPES)[number];
  /** RATE_THROTTLE only: calls per minute. Default 6. */
  readonly perMinute?: number;
  /** RATE_THROTTLE only: wait up to this long instead of blocking. Default: block. */
  readonly delay?: { readonly max: string };
}

/** The headroom that ends a mode, if it is that what does. */
export function headroomIn({ recover }: DegradeSpec): { rule: string; atLeast: number } | undefined {
  return typeof recover === "object" && "when" in recover && "headroom" in recover.when
    ? recover.when.headroom
    : undefined;
}

/** One cell of the mode table. */
export type ModeCell = "allow" | "throttle" | "ask" | "block";
