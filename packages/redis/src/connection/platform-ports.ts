import type { Clock, Logger, Timers } from "@agentplane/core";

/** What this package needs of its platform, each replaceable in a test. */
export interface RedisPorts {
  /** For leases and estimates of the server's time; what is stored counts by the server alone. */
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** The ports of Node.js. A timer never keeps the process alive. */
export function platformPorts(overrides: Partial<RedisPorts> = {}): RedisPorts {
  return {
    clock: { wallMs: () => Date.now(), elapsedMs: () => performance.now() },
    timers: {
      set(run, delayMs) {
        const timer = setTimeout(run, delayMs).unref();
        return () => clearTimeout(timer);
      },
    },
    logger: console,
    ...overrides,
  };
}
