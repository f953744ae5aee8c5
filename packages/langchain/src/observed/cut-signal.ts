import type { AbortSignalLike } from "@agentplane/core";
import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import type { Callbacks } from "@langchain/core/callbacks/manager";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { StructuredToolInterface } from "@langchain/core/tools";

import { toldOfAll } from "../call/told-of-all.ts";
import { unheardTool } from "./unheard-tool.ts";

/** What a running model call must be told beside its request. */
export interface RunningCall {
  /** Fires when an operator cuts the call. */
  readonly signal: AbortSignalLike;
  /** Its tokens must not be streamed before the whole answer was redacted. */
  readonly isHeldBack: boolean;
  /** Is told of all that is called inside. */
  readonly inside?: BaseCallbackHandler;
  /** Puts other callbacks in the place of the call's own. */
  readonly observe?: (callbacks: Callbacks | undefined, runName?: string) => Callbacks | undefined;
}

/** LangGraph's tag that keeps a model's tokens out of `streamMode: "messages"`. */
const NO_STREAM = "nostream";

/**
 * Runs a model call so that it can be cut and held back. createAgent takes signal and tags from the configuration of
 * the running node, which is this very object: changed for the time of the call, it reaches whatever model is asked in
 * the end, also one that other middleware swaps in, and nobody sees another model than their own.
 */
export async function runModel<R>(
  { signal, isHeldBack, observe }: RunningCall,
  run: () => R,
): Promise<Awaited<R>> {
  const config = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  if (config === undefined) return await toldOfAll(undefined, run);
  const before = { signal: config.signal, tags: config.tags, callbacks: config.callbacks };
  const callbacks = observe?.(config.callbacks);
  if (callbacks !== undefined) config.callbacks = callbacks;
  const either = joined(config.signal, signal);
  config.signal = either.signal;
  if (isHeldBack) config.tags = [...(config.tags ?? []), NO_STREAM];
  try {
    return await toldOfAll(undefined, run);
  } finally {
    either.release();
    Object.assign(config, before);
  }
}

/**
 * A tool that can be cut: the same one, with the signal beside the run's own.
 * @param tool Any tool of the agent; called by `invoke` alone.
 * @param running How it is cut and observed.
 */
export function cuttable<T extends StructuredToolInterface>(
  tool: T,
  { signal, observe, inside }: Pick<RunningCall, "signal" | "observe" | "inside">,
): T {
  const invoke: StructuredToolInterface["invoke"] = (input, config) => {
    const unheard = inside && unheardTool(tool, config, inside);
    const callbacks = unheard === undefined ? observe?.(config?.callbacks, config?.runName) : undefined;
    const either = joined(config?.signal, signal);
    const own = {
      ...config,
      ...withoutRunName(config),
      ...(callbacks !== undefined && { callbacks }),
      signal: either.signal,
    };
    // Bound to the tool itself, whose class may have private members.
    if (unheard !== undefined) return either.during(() => unheard.invoke(input, own));
    return either.during(() => toldOfAll(inside, () => tool.invoke(input, own)));
  };
  // It inherits everything but how it is invoked. Its class may keep the name in a private member.
  const cut: object = { __proto__: tool, name: tool.name, invoke };
  return cut as T;
}

/**
 * The name of the node, which a tool or model would go by that is called with the configuration of the tool, or with that of
 * the node in it.
 */
function withoutRunName(config: object | undefined): object {
  if (config === undefined) return {};
  const node = "config" in config ? config.config : undefined;
  return {
    ...("runName" in config && { runName: undefined }),
    ...(typeof node === "object" &&
      node !== null &&
      "runName" in node && { config: { ...node, runName: undefined } }),
  };
}

/** A signal that fires with another one. */
export interface Joined {
  readonly signal: AbortSignal;
  /** The call has ended: the run's own signal, which may live as long as the process, keeps nothing of it. */
  release(): void;
  /** Runs a call, and releases when that ends, however it does. */
  during<R>(run: () => Promise<R>): Promise<R>;
}

/**
 * Fires with either: the run's own signal, where it has one, or the cut. `AbortSignal.any` would say the same and costs
 * several times as much, most of it in the garbage collector.
 */
export function joined(own: AbortSignal | undefined, cut: AbortSignalLike): Joined {
  const native = nativeOf(cut);
  if (own === undefined) return { signal: native, release: () => undefined, during: (run) => run() };
  const controller = new AbortController();
  const byRun = (): void => controller.abort(own.reason);
  const byCut = (): void => controller.abort(native.reason);
  if (own.aborted) byRun();
  else if (native.aborted) byCut();
  own.addEventListener("abort", byRun, { once: true });
  native.addEventListener("abort", byCut, { once: true });
  const release = (): void => own.removeEventListener("abort", byRun);
  return {
    signal: controller.signal,
    release,
    during(run) {
      try {
        const running = run();
        // Whatever the types say, a tool may answer at once, or throw.
        Promise.resolve(running).then(release, release);
        return running;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
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
