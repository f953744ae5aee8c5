import type { MaybePromise } from "../base/maybe-promise.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import type { Timers } from "../base/ports.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Hookpoint } from "../context/hookpoint.ts";

/**
 * What a hook wants changed. Who acts, where and on which call is sealed: naming one of those fields blocks the call.
 * A member that is undefined changes nothing.
 */
export interface HookChange {
  /** Replaces the input or prompt; only where the action has not happened yet. */
  readonly input?: unknown;
  /** Replaces the result; only at `after_*`. */
  readonly result?: unknown;
  /** Tags to add. One that is there already keeps its value: policies select by it, so changing it blocks the call. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** A hook's refusal, for people: the call does not go on, at `after_*` its result is withheld. */
export interface HookBlock {
  readonly block: string | undefined;
}

/** What a hook answers: nothing, a change, or a refusal. Anything else blocks the call. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a hook without an opinion needs no return statement
export type HookReturn = void | undefined | HookChange | HookBlock;

/** What a hook may use while it runs. */
export interface HookTools {
  /** Fires when the hook's time is up: nobody waits for it any more. */
  readonly signal: AbortSignalLike;
  readonly timers: Timers;
}

/**
 * A customer's own code at a hookpoint.
 * @param context What is happening, frozen.
 * @param tools A signal and timers, for hooks that wait.
 * @returns Nothing, `{ input }`, `{ result }`, `{ tags }` or `{ block: reason }`, or a promise of it.
 */
export type Hook = (context: PolicyContext, tools: HookTools) => MaybePromise<HookReturn>;

/** Whom a hook concerns: dimensions are AND-ed, the globs of a list OR-ed, `!pattern` excludes. */
export interface HookFilter {
  readonly tenants?: readonly string[];
  readonly agents?: readonly string[];
  readonly tools?: readonly string[];
}

/** How a hook is registered. */
export interface HookOptions {
  /** Names the hook in records and errors; unique at its hookpoint. Default: the function's name and a number. */
  readonly id?: string;
  /** Lower runs earlier; equal ones in the order of their registration. Default 0. */
  readonly order?: number;
  /** Default: every call at the hookpoint. */
  readonly filter?: HookFilter;
  /** Milliseconds a promise of the hook may take. Default 1,000. */
  readonly timeoutMs?: number;
  /** What happens to the call when the hook throws or hangs. Default `block`. */
  readonly fallback?: "block" | "continue";
}

/** How a run of a hook ended; `continued` is a throw or a hang that its `fallback: continue` let pass. */
export type HookOutcome = "passed" | "changed" | "blocked" | "failed" | "timeout" | "continued";

/** One run of one hook. */
export interface HookRunRecord {
  readonly hookId: string;
  readonly hookpoint: Hookpoint;
  readonly outcome: HookOutcome;
  readonly durationMs: number;
}
