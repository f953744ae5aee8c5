import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

import type { AbortControllerLike, FetchLike } from "./platform.ts";
import type { AsyncScope, Hash, Ids, Logger, Ports, Timers } from "./ports.ts";

/**
 * What the platform offers, found at run time: the one place that touches globals. Node, Deno, Bun and Workers hand
 * out their built-in modules through `process.getBuiltinModule`, so no module of theirs is imported and a bundle for
 * the browser stays free of them; SHA-256 then falls back to `@noble/hashes`.
 */
interface Platform {
  readonly setTimeout: (run: () => void, delayMs: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  readonly setImmediate?: (run: () => void) => unknown;
  readonly MessageChannel?: new () => { readonly port1: MessagePortLike; readonly port2: MessagePortLike };
  readonly AbortController: new () => AbortControllerLike;
  readonly crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
  readonly console: Logger;
  readonly fetch?: FetchLike;
  readonly Buffer?: { alloc(size: number): TextBytes };
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    getBuiltinModule?(name: "crypto"): NodeCrypto | undefined;
    getBuiltinModule?(name: "async_hooks"): NodeAsyncHooks | undefined;
  };
}

interface MessagePortLike {
  onmessage: ((message: unknown) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

interface NodeCrypto {
  hash?(algorithm: "sha256", content: string | Uint8Array, encoding: "hex"): string;
  createHmac(algorithm: "sha256", key: string): { update(text: string): { digest(encoding: "hex"): string } };
}

interface NodeAsyncHooks {
  readonly AsyncLocalStorage?: {
    new <T>(): Storage<T>;
    snapshot?(): <R>(work: () => R) => R;
  };
  readonly AsyncResource?: new (name: string) => {
    runInAsyncScope<A extends unknown[], R>(work: (...given: A) => R, self: undefined, ...given: A): R;
  };
}

interface Storage<T> {
  getStore(): T | undefined;
  run<R>(value: T, work: () => R): R;
  enterWith?(value: T): void;
  disable?(): void;
}

// The global object has no type here on purpose: core compiles with the ES library alone.
const platform = globalThis as unknown as Platform;

/**
 * Asked of the platform at every reading, for fake clocks may come and go. By its bare name: of a member of the global
 * object V8 knows no place, and takes a tenth longer for each of the dozen readings of a call.
 */
declare const performance: { now(): number };

/**
 * The ports of the platform this runs on.
 * @param overrides Ports to replace, for tests or special environments.
 */
export function createPorts(overrides: Partial<Ports> = {}): Ports {
  return {
    clock: { wallMs: () => Date.now(), elapsedMs: () => performance.now() },
    timers,
    ids: createIds(),
    hash: createHash(),
    logger: platform.console,
    fetch: platform.fetch === undefined ? undefined : (url, init) => platform.fetch!(url, init),
    secret: (name) => platform.process?.env?.[name],
    defer,
    createAbort: () => new platform.AbortController(),
    createScope,
    waitUntil: undefined,
    ...overrides,
  };
}

/**
 * A timer of the plane outlives the call that happens to set it. Set in that call's asynchronous context it would keep
 * alive all that the application remembers there, such as a whole run of an agent.
 */
const outsideOfCalls =
  platform.process?.getBuiltinModule?.("async_hooks")?.AsyncLocalStorage?.snapshot?.() ??
  ((work: () => unknown) => work());

/** Longer delays overflow the timers of every runtime, and would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

const timers: Timers = {
  set(run, delayMs) {
    const timer = outsideOfCalls(() => platform.setTimeout(run, Math.min(delayMs, MAX_TIMER_MS)));
    // Node keeps a process alive for a timer; a policy engine must never be the reason.
    if (
      typeof timer === "object" &&
      timer !== null &&
      "unref" in timer &&
      typeof timer.unref === "function"
    ) {
      timer.unref();
    }
    return () => platform.clearTimeout(timer);
  },
};

/** The quickest way of the platform to let others go first; a chain of timers is slowed down to 4 ms each. */
function defer(run: () => void): void {
  if (platform.setImmediate !== undefined) platform.setImmediate(run);
  else if (platform.MessageChannel === undefined) platform.setTimeout(run, 0);
  else deferByMessage(run, platform.MessageChannel);
}

function deferByMessage(run: () => void, Channel: NonNullable<Platform["MessageChannel"]>): void {
  const { port1, port2 } = new Channel();
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it also starts the port, on every runtime
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(undefined);
}

function createIds(): Ids {
  const origin = randomHex(8);
  // Prefixes are a few words of ours. All but the last two digits stay the same for a long time.
  const heads = new Map<string, string>();
  const headOf = (prefix: string): string => {
    const leading = count < ENDINGS.length ? "" : Math.floor(count / ENDINGS.length).toString(36);
    const head = `${prefix}_${origin}_${leading}`;
    heads.set(prefix, head);
    return head;
  };
  let count = 0;
  return {
    next(prefix) {
      const ending = count % ENDINGS.length;
      if (ending === 0) heads.clear();
      const head = heads.get(prefix) ?? headOf(prefix);
      const id = head + (count < ENDINGS.length ? ending.toString(36) : ENDINGS[ending]!);
      count++;
      return id;
    },
    secret: (prefix) => `${prefix}_${randomHex(16)}`,
  };
}

/** The last two digits of a number in base 36. */
const ENDINGS: readonly string[] = Array.from({ length: 1_296 }, (_, ending) =>
  ending.toString(36).padStart(2, "0"),
);

function randomHex(bytes: number): string {
  return bytesToHex(platform.crypto.getRandomValues(new Uint8Array(bytes)));
}

function createHash(): Hash {
  const native = platform.process?.getBuiltinModule?.("crypto");
  const oneShot = native?.hash;
  return {
    sha256: oneShot
      ? (text) => oneShot("sha256", text, "hex")
      : (text) => bytesToHex(sha256(utf8ToBytes(text))),
    sha256Bytes: oneShot ? (bytes) => oneShot("sha256", bytes, "hex") : (bytes) => bytesToHex(sha256(bytes)),
    hmacSha256: native
      ? (key, text) => native.createHmac("sha256", key).update(text).digest("hex")
      : (key, text) => bytesToHex(hmac(sha256, utf8ToBytes(key), utf8ToBytes(text))),
  };
}

/** Bytes into which the platform may write a text itself. */
export interface TextBytes extends Uint8Array {
  /** Writes the UTF-8 of a text at a place with room for all of it. @returns How many bytes it took. */
  utf8Write?(text: string, start: number): number;
  /** The same for a text whose every character is a byte, faster. */
  latin1Write?(text: string, start: number): number;
}

/** Zeros to write texts into. */
export function createTextBytes(size: number): TextBytes {
  return platform.Buffer === undefined ? new Uint8Array(size) : platform.Buffer.alloc(size);
}

function createScope<T>(): AsyncScope<T> {
  const hooks = platform.process?.getBuiltinModule?.("async_hooks");
  if (hooks?.AsyncLocalStorage === undefined)
    return { current: () => undefined, run: (_value, work) => work() };
  const storage = new hooks.AsyncLocalStorage<T>();
  const isQuick = keepsApart(new hooks.AsyncLocalStorage<object>(), hooks);
  return {
    current: () => storage.getStore(),
    run: (isQuick ? quickRun(storage, hooks) : undefined) ?? ((value, work) => storage.run(value, work)),
  };
}

/**
 * `run` of node 24 makes a new set of all values of the asynchronous context on the way in and another on the way out.
 * What a resource runs has the context in which the resource was made, and leaves the caller's own as it was, so that one
 * is enough.
 */
function quickRun<T>(
  storage: Storage<T>,
  { AsyncResource: Resource }: NodeAsyncHooks,
): AsyncScope<T>["run"] | undefined {
  if (Resource === undefined || storage.enterWith === undefined) return undefined;
  const enter = <R>(value: T, work: () => R): R => {
    storage.enterWith?.(value);
    return work();
  };
  return <R>(value: T, work: () => R): R =>
    new Resource("agentplane").runInAsyncScope(enter<R>, undefined, value, work);
}

/**
 * Whether a value is there inside and only there: not every runtime lets one be entered.
 * @param storage Nobody else's: it is left.
 */
function keepsApart(storage: Storage<object>, hooks: NodeAsyncHooks): boolean {
  const value = {};
  try {
    const isInside = quickRun(storage, hooks)?.(value, () => storage.getStore() === value);
    return isInside === true && storage.getStore() === undefined;
  } catch {
    return false;
  } finally {
    // Before node 24 every storage that was entered is asked at every promise from then on.
    storage.disable?.();
  }
}
