import type { AbortControllerLike, FetchLike } from "./platform.ts";

/** Time. Wall time is for people and calendars, elapsed time for windows: a wall clock may jump. */
export interface Clock {
  /** Epoch milliseconds of the wall clock. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  elapsedMs(): number;
}

/**
 * Delayed work; `set` returns the cancellation. A pending timer does not keep the process alive. What is delayed for longer
 * than a platform can count may come early, never at once.
 */
export interface Timers {
  set(run: () => void, delayMs: number): () => void;
}

/** Identifiers: unique across processes. `next` is cheap and ordered, `secret` cannot be guessed. */
export interface Ids {
  next(prefix: string): string;
  secret(prefix: string): string;
}

/** Digests, as lower-case hex. */
export interface Hash {
  sha256(text: string): string;
  /** The same of the UTF-8 of a text; without it such bytes are read as a text again. */
  sha256Bytes?(bytes: Uint8Array): string;
  hmacSha256(key: string, text: string): string;
}

/** Where core reports what an operator must see; never receives a secret or an argument of a tool. */
export interface Logger {
  warn(message: string, data?: Readonly<Record<string, unknown>>): void;
  error(message: string, data?: Readonly<Record<string, unknown>>): void;
  info(message: string, data?: Readonly<Record<string, unknown>>): void;
}

/**
 * A value that follows the asynchronous execution (AsyncLocalStorage): it tells a framework's replay of a running
 * call from that very call. Runtimes without one have no current value, and a duplicate is then refused.
 */
export interface AsyncScope<T> {
  current(): T | undefined;
  run<R>(value: T, work: () => R): R;
}

/** Everything core needs from its environment, each replaceable in a test. */
export interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly hash: Hash;
  readonly logger: Logger;
  /** Sends webhooks; undefined on a runtime without `fetch`: then a webhook is a load error. */
  readonly fetch: FetchLike | undefined;
  /** Reads a named secret for `{ env: NAME }` references. */
  readonly secret: (name: string) => string | undefined;
  /**
   * Does work after whatever waits already: input, timers, other calls. Unlike a timer it keeps the process alive, for
   * someone awaits it.
   */
  readonly defer: (run: () => void) => void;
  readonly createAbort: () => AbortControllerLike;
  readonly createScope: <T>() => AsyncScope<T>;
  /** Keeps a serverless function alive until aside work is done; default: nothing. */
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined;
}

/**
 * A clock whose `nowMs` is an epoch time that never goes back nor jumps: anchored once on the wall, then carried by
 * elapsed time. Windows, holds and recoveries count on it, so a changed wall clock neither refills nor freezes them.
 */
export interface SteadyClock {
  nowMs(): number;
}

/** Anchors a {@link SteadyClock} on a clock. */
export function createSteadyClock(clock: Clock): SteadyClock {
  const anchorMs = clock.wallMs() - clock.elapsedMs();
  return { nowMs: () => Math.floor(anchorMs + clock.elapsedMs()) };
}
