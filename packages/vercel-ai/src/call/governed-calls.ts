import type { GovernedPlane } from "./plane.ts";

/** One call of a model or a tool that the SDK tells of. */
interface SeenCall {
  /** Of a tool call; undefined for one of a model. */
  readonly toolCallId: string | undefined;
  isGoverned: boolean;
}

interface Storage {
  run<Result>(call: SeenCall, work: () => Result): Result;
  getStore(): SeenCall | undefined;
}

/** As Node.js, Bun, Deno and the edge runtimes give it. */
interface Runtime {
  readonly process?: {
    getBuiltinModule?(name: string): { readonly AsyncLocalStorage?: new () => Storage } | undefined;
  };
}

// The global object of any runtime, as far as it is looked at.
const Storage = (globalThis as Runtime).process?.getBuiltinModule?.("async_hooks")?.AsyncLocalStorage;
/** Follows a call to where it is made: the SDK's telemetry tells names alone, which say nothing of who guards it. */
const calls = Storage && new Storage();

/**
 * Says that the call at work goes through a plane.
 * @param toolCallId Of a tool call: a tool may hold other calls that are governed, and not be itself.
 */
export function noteGoverned(toolCallId?: string): void {
  const call = calls?.getStore();
  if (call !== undefined && call.toolCallId === toolCallId) call.isGoverned = true;
}

/**
 * Makes a call and tells, however it ends, when no plane has seen it; never where the runtime cannot follow it.
 * @param toolCallId Of a tool call.
 * @param onUngoverned Told after it.
 */
export async function watchCall<Result>(
  toolCallId: string | undefined,
  execute: () => PromiseLike<Result>,
  onUngoverned: () => void,
): Promise<Result> {
  if (calls === undefined) return execute();
  const call: SeenCall = { toolCallId, isGoverned: false };
  try {
    return await calls.run(call, execute);
  } finally {
    if (!call.isGoverned) onUngoverned();
  }
}

/** More tool calls than this are not on their way at once; one that is forgotten is asked about by the net as well. */
const MAX_ON_THEIR_WAY = 10_000;

const onTheirWay = new WeakMap<GovernedPlane, Set<string>>();

/** From now on the plane remembers which tool calls it was asked about before they run. */
export function followToolCalls(plane: GovernedPlane): void {
  if (!onTheirWay.has(plane)) onTheirWay.set(plane, new Set());
}

/** The plane was asked about a tool call by what governs its run: a net has nothing to ask. */
export function seenOnItsWay(plane: GovernedPlane, toolCallId: string): void {
  const ids = onTheirWay.get(plane);
  if (ids === undefined) return;
  ids.add(toolCallId);
  const [oldest] = ids;
  if (ids.size > MAX_ON_THEIR_WAY && oldest !== undefined) ids.delete(oldest);
}

/** Whether it was. */
export function isOnItsWay(plane: GovernedPlane, toolCallId: string): boolean {
  return onTheirWay.get(plane)?.has(toolCallId) === true;
}

/** It has run: another call may bear the same id, in a run that nothing governs. */
export function forgetOnItsWay(plane: GovernedPlane, toolCallId: string): void {
  onTheirWay.get(plane)?.delete(toolCallId);
}
