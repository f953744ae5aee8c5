import { requireMembers, requireText } from "../base/argument.ts";
import { suggest } from "../base/did-you-mean.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { msSince } from "../base/ms-since.ts";
import { createPorts } from "../base/runtime.ts";
import type { PolicyContext } from "../context/context.ts";
import { afterOf, type Hookpoint, HOOKPOINTS } from "../context/hookpoint.ts";
import type { Hook, HookOptions, HookOutcome, HookRunRecord } from "./hook.ts";
import {
  createHookEntry,
  createLastEntry,
  type Caller,
  type CouldBeTool,
  type HookEntry,
} from "./hook-entry.ts";
import { hookInvalid } from "./hook-invalid.ts";
import { RecursionGuard } from "./recursion-guard.ts";
import { runHook } from "./run-hook.ts";
import type { HookPorts, RunningHook } from "./running-hook.ts";

/** How a registry is made; everything is optional. */
export interface HookRegistryOptions {
  /** Your own hookpoints beside the built-in ones; the `after_*` of a `before_*` comes with it. */
  readonly hookpoints?: readonly Hookpoint[];
  /** Hears of every run of a hook. An error it throws stops the call: a run that cannot be recorded does not count. */
  readonly onRun?: (run: HookRunRecord) => void;
  /** Default: the platform's. */
  readonly ports?: Partial<HookPorts>;
}

/**
 * Customers' own code at named hookpoints: ordered, filtered, within a time, and unable to change who acts.
 * @example
 * const hooks = new HookRegistry();
 * hooks.on("before_tool_call", blockIf(({ tool }) => tool?.name === "refund" && isHoliday(), "no refunds today"));
 */
export class HookRegistry {
  /** Per hookpoint, sorted; a list is replaced and never changed, so a running call keeps the one it started with. */
  readonly #lists: Map<Hookpoint, readonly HookEntry[]>;
  readonly #ports: HookPorts;
  readonly #guard: RecursionGuard;
  readonly #onRun: ((run: HookRunRecord) => void) | undefined;
  #last: HookEntry | undefined;
  #count = 0;

  /** @throws AgentplaneError `usage_invalid` for an option or a port that does not exist */
  constructor(options: HookRegistryOptions = {}) {
    requireMembers("HookRegistry", options, ["hookpoints", "onRun", "ports"]);
    const { hookpoints = [], onRun, ports = {} } = options;
    const own = createPorts();
    requireMembers("HookRegistry: ports", ports, Object.keys(own));
    const known = [...HOOKPOINTS, ...hookpoints].flatMap((hookpoint) => [hookpoint, afterOf(hookpoint)]);
    this.#lists = new Map(known.map((hookpoint) => [hookpoint, []]));
    this.#ports = { ...own, ...ports };
    this.#guard = new RecursionGuard(this.#ports);
    this.#onRun = onRun;
  }

  /**
   * Registers a hook.
   * @param hookpoint Where it runs: a built-in hookpoint or a declared one.
   * @param hook Your code; see {@link Hook} for what it may return.
   * @param options Name, order, filter, time and fallback.
   * @returns The removal; a call that is already running its hooks still runs this one.
   * @throws AgentplaneError `hook_invalid` for an unknown hookpoint or option, or an id used twice at the hookpoint.
   */
  on(hookpoint: Hookpoint, hook: Hook, options: HookOptions = {}): () => void {
    requireText("hooks.on: hookpoint", hookpoint);
    const list = this.#lists.get(hookpoint);
    if (list === undefined) {
      throw hookInvalid(`unknown hookpoint "${hookpoint}"; ${suggest(hookpoint, [...this.#lists.keys()])}`);
    }
    const entry = createHookEntry(hook, options, `${hook?.name || "hook"}-${++this.#count}`);
    if (list.some(({ id }) => id === entry.id)) {
      throw hookInvalid(`a hook "${entry.id}" is already registered at ${hookpoint}; give each its own id`);
    }
    // The sort is stable: equal orders keep the order of registration.
    this.#lists.set(
      hookpoint,
      [...list, entry].toSorted((a, b) => a.order - b.order),
    );
    return () => this.#remove(hookpoint, entry);
  }

  /**
   * Attaches what runs last at every hookpoint, before and after, whatever is registered later: the engine, so that
   * nothing runs between its decision and the call. Its errors reach the caller as they are, and it may take its time.
   * @param name Names it in records.
   * @returns The detachment.
   * @throws AgentplaneError `hook_invalid` when something is attached already.
   */
  attachLast(name: string, hook: Hook): () => void {
    if (this.#last !== undefined) {
      throw hookInvalid(
        `"${this.#last.id}" already runs last; only one can, detach it before you attach "${name}"`,
      );
    }
    const entry = createLastEntry(name, hook);
    this.#last = entry;
    return () => {
      if (this.#last === entry) this.#last = undefined;
    };
  }

  /** Tells whether anything would run after the action that a `before_*` context describes. */
  hasAfter(context: PolicyContext): boolean {
    if (this.#last !== undefined) return true;
    const list = this.#lists.get(afterOf(context.hookpoint)) ?? [];
    return list.some(({ matches }) => matches === undefined || matches(context));
  }

  /**
   * Tells whether anything could run for a call that nobody can describe yet, such as one of a tool of some server.
   * @param couldBe Whether a filter's pattern could mean its tool, by the letters before its first wildcard. Default: any
   *   could.
   */
  couldRunAt(hookpoint: string, caller: Caller, couldBe: CouldBeTool = () => true): boolean {
    if (this.#last !== undefined) return true;
    const list = this.#lists.get(hookpoint) ?? [];
    return list.some(({ couldMatch }) => couldMatch?.(caller, couldBe) !== false);
  }

  /**
   * Runs the hooks of a call in order; synchronous until one returns a promise, the context itself when none matches.
   * @param context The call; each hook sees what those before it changed.
   * @returns The context to go on with.
   * @throws HookBlocked when a hook refuses, fails without `fallback: continue`, answers what is no answer, changes a
   *   sealed field or triggers its own hookpoint; and whatever the attached engine throws.
   */
  run(context: PolicyContext): MaybePromise<PolicyContext> {
    const list = this.#lists.get(context.hookpoint) ?? [];
    return this.#runFrom(context, list, 0);
  }

  #runFrom(context: PolicyContext, list: readonly HookEntry[], from: number): MaybePromise<PolicyContext> {
    let current = context;
    for (let index = from; index < list.length; index++) {
      const entry = list[index];
      if (entry === undefined || entry.matches?.(current) === false) continue;
      const next = this.#runOne(entry, current);
      if (isThenable(next)) return next.then((changed) => this.#runFrom(changed, list, index + 1));
      current = next;
    }
    // Read only now: an engine attached while the hooks ran must not be missed.
    return this.#last === undefined ? current : this.#runOne(this.#last, current);
  }

  #runOne(entry: HookEntry, context: PolicyContext): MaybePromise<PolicyContext> {
    const running = this.#guard.open(entry, context.hookpoint);
    return runHook(entry, { context, running }, this.#runner);
  }

  readonly #runner = {
    enter: <R>(running: RunningHook, work: () => R): R => this.#guard.enter(running, work),
    record: (running: RunningHook, outcome: HookOutcome): void => {
      if (this.#onRun === undefined) return;
      const { hookId, hookpoint, startedMs } = running;
      this.#onRun({ hookId, hookpoint, outcome, durationMs: msSince(this.#ports.clock, startedMs) });
    },
  };

  #remove(hookpoint: Hookpoint, entry: HookEntry): void {
    const list = this.#lists.get(hookpoint) ?? [];
    this.#lists.set(
      hookpoint,
      list.filter((other) => other !== entry),
    );
  }
}
