import type { Admission } from "@agentplane/core";

import { remembered, type Remembered } from "../content/remembered.ts";

/**
 * What a plane has judged of the calls of an agent, each known by an object that is made for it and handed to every
 * middleware: LangChain's runtime of a tool; for a turn of the model, LangGraph's `configurable`. Middleware around the
 * innermost gate may put something else in the place of what that gave, or change it.
 */
export interface JudgedCalls {
  /** A call is put to the plane. */
  put(made: object | undefined): void;
  wasPut(made: object | undefined): boolean;
  /** It may run; the last attempt counts. */
  admit(made: object | undefined, admission: Admission): void;
  admissionOf(made: object | undefined): Admission | undefined;
  /**
   * What it gave was judged, or is words of the plane.
   * @param read What rules look at in that.
   */
  give(made: object | undefined, read: () => unknown): void;
  /** Whether that is what some attempt at the call gave, as it was then. */
  isGiven(made: object | undefined, read: () => unknown): boolean;
}

interface JudgedCall {
  admission: Admission | undefined;
  readonly given: Remembered[];
}

/** @param canChange Whether any middleware is told of what calls give, so that it may change that. */
export function createJudgedCalls(canChange: boolean): JudgedCalls {
  const calls = new WeakMap<object, JudgedCall>();
  const of = (made: object | undefined): JudgedCall | undefined => made && calls.get(made);
  return {
    put(made) {
      if (made !== undefined && !calls.has(made)) calls.set(made, { admission: undefined, given: [] });
    },
    wasPut: (made) => of(made) !== undefined,
    admit(made, admission) {
      const call = of(made);
      if (call !== undefined) call.admission = admission;
    },
    admissionOf: (made) => of(made)?.admission,
    give(made, read) {
      if (canChange) of(made)?.given.push(remembered(read()));
    },
    isGiven(made, read) {
      if (!canChange) return true;
      const content = read();
      return of(made)?.given.some((isSame) => isSame(content)) === true;
    },
  };
}
