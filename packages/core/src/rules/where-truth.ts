/** Why a comparison has no answer. */
export interface Unanswered {
  /**
   * `inapplicable`: this hookpoint does not carry what is asked about. `missing`: the value is not there.
   * `mismatch`: the value is of a type that cannot be compared so.
   */
  readonly unanswered: "inapplicable" | "missing" | "mismatch";
  /** What was asked about, such as `input.amount`; never its value. */
  readonly subject: string;
}

/** The answer of a comparison in Kleene's three-valued logic: an order of the parts never changes the whole. */
export type Truth = boolean | Unanswered;

/** A compiled test of one subject. */
export type TruthTest<Subject> = (subject: Subject) => Truth;

/** True when every test is: one definite `false` decides, whatever else has no answer. */
export function allOf<Subject>(tests: readonly TruthTest<Subject>[]): TruthTest<Subject> {
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (subject) => {
    let open: Unanswered | undefined;
    for (const test of tests) {
      const truth = test(subject);
      if (truth === false) return false;
      // What does not concern this hookpoint outweighs what is missing: the rule as a whole is for another moment.
      if (truth !== true && open?.unanswered !== "inapplicable") {
        open = truth.unanswered === "inapplicable" ? truth : (open ?? truth);
      }
    }
    return open ?? true;
  };
}

/** True when some test is: one definite `true` decides. */
export function anyOf<Subject>(tests: readonly TruthTest<Subject>[]): TruthTest<Subject> {
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (subject) => {
    let open: Unanswered | undefined;
    for (const test of tests) {
      const truth = test(subject);
      if (truth === true) return true;
      // Here a missing value outweighs: the alternative that concerns this hookpoint could not be judged.
      if (truth !== false && (open === undefined || open.unanswered === "inapplicable")) open = truth;
    }
    return open ?? false;
  };
}

/** What `join` makes of tests, if every one of them could be compiled. */
export function joined<Subject>(
  tests: readonly (TruthTest<Subject> | undefined)[],
  join: typeof allOf,
): TruthTest<Subject> | undefined {
  return tests.every((test) => test !== undefined) ? join(tests) : undefined;
}

/** The opposite; what has no answer stays without one. */
export function negated<Subject>(test: TruthTest<Subject>): TruthTest<Subject> {
  return (subject) => {
    const truth = test(subject);
    return typeof truth === "boolean" ? !truth : truth;
  };
}
