import type { Ports } from "../base/ports.ts";

/** What the channels need. */
export interface NotifierDeps extends Pick<
  Ports,
  "clock" | "timers" | "hash" | "logger" | "fetch" | "secret" | "createAbort"
> {
  /** Refuses the target with a clear issue at a sub-path such as `url`. Throws. */
  fail(subPath: string, message: string, suggestion?: string): never;
}
