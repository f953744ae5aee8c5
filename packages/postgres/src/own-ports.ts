import type { Logger, Timers } from "@agentplane/core";

import { LONGEST_TIMER_MS } from "./check-options.ts";

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
    // What is done now and then is put off by chance, hence also beyond what an option may be.
    const timer = setTimeout(run, Math.min(delayMs, LONGEST_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
