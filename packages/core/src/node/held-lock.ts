import { AgentplaneError } from "../base/errors.ts";
import type { Clock, Timers } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";

/** A lock file of this process, and what keeps it. */
export interface HeldLockOptions {
  readonly lock: string;
  /** What the file holds while it is ours. */
  readonly text: string;
  readonly files: Pick<AuditFileSystem, "renew" | "remove">;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** How often a lock is renewed, for those who cannot see this process. */
export const LOCK_RENEWAL_MS = 5_000;
/** A lock that was not renewed for so long is that of a process that is gone, or stands still. */
export const LOCK_LOST_MS = 30_000;
/** A holder that has not renewed its lock for so long looks first whether it still has it. */
const DOUBT_MS = 2 * LOCK_RENEWAL_MS;

/**
 * A lock that this process holds, renewed while it runs. A process that stood still for long, in a paused container or a
 * debugger, may have lost it to another one: it must ask before it goes on writing.
 */
export class HeldLock {
  readonly #options: HeldLockOptions;
  #isLost = false;
  #renewedMs: { readonly wall: number; readonly elapsed: number };
  #stopTimer: (() => void) | undefined;

  constructor(options: HeldLockOptions) {
    this.#options = options;
    this.#renewedMs = this.#now();
    this.#schedule();
  }

  /**
   * To be called before anything is written under the lock.
   * @throws AgentplaneError `audit_failed` when another process has taken it
   */
  confirm(): void {
    const { wall, elapsed } = this.#now();
    // By both clocks: the elapsed one may stand still with the machine, and others judge by one that may jump.
    const sinceMs = Math.max(Math.abs(wall - this.#renewedMs.wall), elapsed - this.#renewedMs.elapsed);
    if (sinceMs > DOUBT_MS) this.#renew();
    if (!this.#isLost) return;
    const { lock } = this.#options;
    const message = `the lock ${lock} was taken from this process while it stood still, or was removed; start it again`;
    throw new AgentplaneError("audit_failed", message, { data: { lock } });
  }

  /** To be called once; removes nothing that is another's. */
  release(): void {
    this.#stopTimer?.();
    const { files, lock, text } = this.#options;
    if (!this.#isLost && files.renew(lock, text)) files.remove(lock);
  }

  #renew(): void {
    const { files, lock, text } = this.#options;
    // Once lost it stays lost: what was written meanwhile does not follow from what this process knows.
    this.#isLost ||= !files.renew(lock, text);
    this.#renewedMs = this.#now();
  }

  #schedule(): void {
    this.#stopTimer = this.#options.timers.set(() => {
      try {
        this.#renew();
      } catch {
        // A directory that cannot be reached now; asked again by the next write, which fails if it still cannot.
      }
      if (!this.#isLost) this.#schedule();
    }, LOCK_RENEWAL_MS);
  }

  #now(): { readonly wall: number; readonly elapsed: number } {
    const { clock } = this.#options;
    return { wall: clock.wallMs(), elapsed: clock.elapsedMs() };
  }
}
