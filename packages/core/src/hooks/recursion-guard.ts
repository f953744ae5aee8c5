import type { AsyncScope } from "../base/ports.ts";
import type { Hookpoint } from "../context/hookpoint.ts";
import { HookBlocked } from "./hook-blocked.ts";
import type { HookEntry } from "./hook-entry.ts";
import { type HookPorts, RunningHook } from "./running-hook.ts";

/** Unfinished runs at one hookpoint above which a runtime that cannot follow promises assumes a recursion. */
const MAX_UNFINISHED = 1_000;

/**
 * Refuses a hook that triggers its own hookpoint from inside itself, which would never end.
 *
 * Where the platform follows asynchronous execution, a run inside a hook is told exactly. Elsewhere it is told while
 * the hook is synchronous, and after that by how many runs at the hookpoint are unfinished.
 */
export class RecursionGuard {
  readonly #ports: HookPorts;
  readonly #scope: AsyncScope<RunningHook>;
  readonly #followsPromises: boolean;
  readonly #unfinished = new Map<Hookpoint, number>();
  #synchronous: RunningHook | undefined;

  constructor(ports: HookPorts) {
    this.#ports = ports;
    this.#scope = ports.createScope<RunningHook>();
    const probe = new RunningHook({ hookId: "probe", hookpoint: "probe", ports });
    this.#followsPromises = this.#scope.run(probe, () => this.#scope.current() === probe);
  }

  /**
   * Opens the run of a hook.
   * @throws HookBlocked naming the hook that triggered its own hookpoint.
   */
  open(entry: HookEntry, hookpoint: Hookpoint): RunningHook {
    const parent = (this.#scope.current() ?? this.#synchronous)?.unsettled();
    if (parent?.isInside(hookpoint) === true) {
      throw new HookBlocked({
        hookId: parent.hookId,
        hookpoint,
        reason: "it triggers this hookpoint from inside itself",
      });
    }
    // A recursion always passes through a customer's hook: the engine's own, which may wait for long, is not counted.
    const isCounted = !this.#followsPromises && !entry.isLast;
    const onEnd = isCounted ? this.#count(entry.id, hookpoint) : undefined;
    return new RunningHook({ hookId: entry.id, hookpoint, parent, onEnd, ports: this.#ports });
  }

  /** Runs a hook so that whatever it triggers is known to be inside of it. */
  enter<R>(running: RunningHook, work: () => R): R {
    const outer = this.#synchronous;
    this.#synchronous = running;
    try {
      return this.#scope.run(running, work);
    } finally {
      this.#synchronous = outer;
    }
  }

  #count(hookId: string, hookpoint: Hookpoint): () => void {
    const unfinished = this.#unfinished.get(hookpoint) ?? 0;
    if (unfinished >= MAX_UNFINISHED) {
      const reason = `${MAX_UNFINISHED} runs at this hookpoint are unfinished, which only a recursion explains`;
      throw new HookBlocked({ hookId, hookpoint, reason });
    }
    this.#unfinished.set(hookpoint, unfinished + 1);
    return () => this.#unfinished.set(hookpoint, (this.#unfinished.get(hookpoint) ?? 1) - 1);
  }
}
