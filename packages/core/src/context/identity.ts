/** What one source says about who acts; undefined where it says nothing. */
export interface IdentityClaim {
  readonly agent?: string | undefined;
  readonly tenant?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly runId?: string | undefined;
  readonly ancestors?: readonly string[] | undefined;
}

/** A named place identity comes from: `option`, `async` or `framework`. */
export interface IdentitySource {
  readonly name: string;
  readonly identity: IdentityClaim;
}

/** Two sources that say different things; the call must be refused. */
export interface IdentityConflict {
  readonly field: keyof IdentityClaim;
  /** The earlier and the later source. */
  readonly sources: readonly [string, string];
}

/** Everything that a source may say. */
export const IDENTITY_FIELDS = [
  "agent",
  "tenant",
  "user",
  "session",
  "runId",
  "ancestors",
] as const satisfies readonly (keyof IdentityClaim)[];

/**
 * Joins what several sources say about who acts. The first source wins; a later one fills a gap only if it is trusted,
 * and none may contradict an earlier one, trusted or not: whoever can write a framework's context must not be able to
 * choose a tenant.
 * @param sources In order of authority; texts are compared in NFC.
 * @param trust Names of the sources after the first that may fill gaps.
 */
export function resolveIdentity(
  sources: readonly IdentitySource[],
  trust: readonly string[],
): { readonly identity: IdentityClaim } | { readonly conflict: IdentityConflict } {
  const identity: { -readonly [Field in keyof IdentityClaim]: IdentityClaim[Field] } = {};
  for (const field of IDENTITY_FIELDS) {
    const said = sources.filter((source) => source.identity[field] !== undefined);
    const first = said[0];
    if (first === undefined) continue;
    const other = said.find((source) => !isSame(source.identity[field], first.identity[field]));
    if (other !== undefined) return { conflict: { field, sources: [first.name, other.name] } };
    // All that was said is the same, so one source that may say it is enough.
    if (said.some((source) => source === sources[0] || trust.includes(source.name))) {
      Object.assign(identity, { [field]: normal(first.identity[field]) });
    }
  }
  return { identity: Object.freeze(identity) };
}

type Claim = IdentityClaim[keyof IdentityClaim];

/** What is no text stays as it is: a context made of it says which field is wrong. */
function normal(claim: Claim): Claim {
  if (typeof claim === "string") return claim.normalize("NFC");
  if (!Array.isArray(claim)) return claim;
  const ids: readonly unknown[] = claim;
  // Checked item by item where the context is built.
  return Object.freeze(
    ids.map((id) => (typeof id === "string" ? id.normalize("NFC") : id)),
  ) as readonly string[];
}

/** Order counts: a lineage from another root is another lineage. */
function isSame(a: Claim, b: Claim): boolean {
  return JSON.stringify(normal(a)) === JSON.stringify(normal(b));
}
