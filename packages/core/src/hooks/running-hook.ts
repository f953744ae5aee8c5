import type { AbortControllerLike, AbortSignalLike } from "../base/platform.ts";
import type { Ports, Timers } from "../base/ports.ts";
import type { Hookpoint } from "../context/hookpoint.ts";
import type { HookTools } from "./hook.ts";

/** What hooks need of their environment. */
export type HookPorts = Pick<Ports, "clock" | "timers" | "createAbort" | "createScope">;

/** Where a run stands. */
interface RunningHookInit {
  readonly hookId: string;
  readonly hookpoint: Hookpoint;
  /** The run inside which this one was triggered. */
  readonly parent?: RunningHook | undefined;
  /** Called once, when the hook is done or its time is up. */
  readonly onEnd?: (() => void) | undefined;
  readonly ports: HookPorts;
}

/**
 * One run of a hook, from the call until its promise settles: what the hook is handed as its tools, and by what a run
 * inside of it is recognised.
 */
export class RunningHook implements HookTools {
  readonly hookId: string;
  readonly hookpoint: Hookpoint;
  readonly startedMs: number;
  readonly #parent: RunningHook | undefined;
  readonly #ports: HookPorts;
  #onEnd: (() => void) | undefined;
  #controller: AbortControllerLike | undefined;
  #isLate = false;
  #isSettled = false;

  constructor({ hookId, hookpoint, parent, onEnd, ports }: RunningHookInit) {
    this.hookId = hookId;
    this.hookpoint = hookpoint;
    this.startedMs = ports.clock.elapsedMs();
    this.#parent = parent;
    this.#onEnd = onEnd;
    this.#ports = ports;
  }

  get timers(): Timers {
    return this.#ports.timers;
  }

  /** Created on demand: most hooks never ask for it. */
  get signal(): AbortSignalLike {
    if (this.#controller === undefined) {
      this.#controller = this.#ports.createAbort();
      if (this.#isLate) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Nobody waits for the hook any more; until it settles it still counts as running. */
  timeOut(): void {
    this.#isLate = true;
    this.#controller?.abort();
    this.#end();
  }

  /** The hook is done: work it left behind is not inside of it any more and may reach the hookpoint again. */
  settle(): void {
    this.#isSettled = true;
    this.#end();
  }

  /** This run, or the nearest one around it that is not done; undefined when all are. */
  unsettled(): RunningHook | undefined {
    return this.#isSettled ? this.#parent?.unsettled() : this;
  }

  /** Whether this run or one around it is still running at a hookpoint. */
  isInside(hookpoint: Hookpoint): boolean {
    if (!this.#isSettled && this.hookpoint === hookpoint) return true;
    return this.#parent?.isInside(hookpoint) === true;
  }

  #end(): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }
}
