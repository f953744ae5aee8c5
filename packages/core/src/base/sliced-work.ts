/**
 * Work that can be put down after each of its steps and taken up later: a generator that yields between steps and
 * returns its result. A step is short (one policy, one rule), so whoever drives it decides how long others wait.
 */
export type SlicedWork<T> = Generator<undefined, T, undefined>;

/** Does all steps at once. */
export function drain<T>(work: SlicedWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Says when enough was done for one step, by weight: a step should take about a tenth of a millisecond. */
export class Pace {
  readonly #weightPerStep: number;
  #weight = 0;

  constructor(weightPerStep: number) {
    this.#weightPerStep = weightPerStep;
  }

  /** Whether a step ends here, after work of this weight. */
  isDue(weight: number): boolean {
    this.#weight += weight;
    if (this.#weight < this.#weightPerStep) return false;
    this.#weight = 0;
    return true;
  }
}

/** So many rules are checked, or compiled, in about a tenth of a millisecond. */
export const RULES_PER_STEP = 32;
