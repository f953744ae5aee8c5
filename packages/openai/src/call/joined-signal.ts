/** A signal that fires when either of two does. */
export interface JoinedSignal {
  readonly signal: AbortSignal | undefined;
  /** Lets go of both: a caller's signal may outlive many calls. */
  release(): void;
}

/**
 * Joins a caller's signal and one of the plane's for as long as a call takes. `AbortSignal.any` does so for as long as
 * anyone looks, and pays for it with weak references at every call.
 * @param own Of the caller.
 * @param cut Of the admission.
 */
export function joinSignals(own: AbortSignal | undefined, cut: unknown): JoinedSignal {
  // Planes with ports of their own may bring another kind of signal: those cannot end a request, only its result.
  const other = cut instanceof AbortSignal ? cut : undefined;
  const only = own === undefined || own.aborted ? (own ?? other) : other === undefined ? own : undefined;
  if (only !== undefined || own === undefined || other === undefined) return { signal: only, release() {} };
  return joined(own, other);
}

function joined(own: AbortSignal, cut: AbortSignal): JoinedSignal {
  const controller = new AbortController();
  const fire = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  own.addEventListener("abort", fire);
  cut.addEventListener("abort", fire);
  if (cut.aborted) controller.abort(cut.reason);
  return {
    signal: controller.signal,
    release() {
      own.removeEventListener("abort", fire);
      cut.removeEventListener("abort", fire);
    },
  };
}
