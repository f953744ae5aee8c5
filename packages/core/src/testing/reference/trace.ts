import type { PendingCall, SeenModelCall, SeenResult } from "../adapter-driver.ts";

/** What is written down while a run goes on; nested agents share their root's. */
export interface Trace {
  readonly modelCalls: SeenModelCall[];
  readonly results: SeenResult[];
  readonly pieces: string[];
}

/** Creates an empty trace. */
export function createTrace(): Trace {
  return { modelCalls: [], results: [], pieces: [] };
}

/** How a nested agent that waits for a human leaves the tool it runs in: control flow, not a failure. */
export class Paused extends Error {
  readonly pending: readonly PendingCall[];

  constructor(pending: readonly PendingCall[]) {
    super("a nested agent waits for an approval");
    this.pending = pending;
  }
}
