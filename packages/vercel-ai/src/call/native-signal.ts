import type { AbortSignalLike, Admission } from "@agentplane/core";

/**
 * The options of a call with a signal that fires when the caller aborts or an operator cuts the call. It is made when
 * somebody looks at it: most never do, and a signal costs more than a decision.
 */
export function cuttable<Options extends { readonly abortSignal?: AbortSignal | undefined }>(
  options: Options,
  admission: Pick<Admission, "signal">,
): Options & { readonly abortSignal: AbortSignal } {
  const own = options.abortSignal;
  let joined: AbortSignal | undefined;
  return {
    ...options,
    get abortSignal() {
      joined ??= joinSignals(own, admission.signal);
      return joined;
    },
  };
}

function joinSignals(own: AbortSignal | undefined, cut: AbortSignalLike): AbortSignal {
  const native = nativeOf(cut);
  return own === undefined ? native : AbortSignal.any([own, native]);
}

/** Planes with ports of their own may bring another kind of signal. */
function nativeOf(signal: AbortSignalLike): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  return controller.signal;
}
