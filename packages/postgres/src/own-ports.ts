import type { Logger, Timers } from "@agentplane/core";

/** What this package needs from its environment. */
export interface OwnPorts {
  readonly logger: Logger;
  readonly timers: Timers;
}

/**
 * The platform's console and timers, unless others are given. A timer never keeps the process alive.
 * @param given For tests and special environments.
 */
export function ownPorts(given: Partial<OwnPorts> = {}): OwnPorts {
  return { logger: given.logger ?? console, timers: given.timers ?? PLATFORM_TIMERS };
}

const PLATFORM_TIMERS: Timers = {
  set(run, delayMs) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
