import { ConfigError, type ConfigIssue } from "@agentplane/core";
import { suggest } from "@agentplane/core/store";

import type { RedisPorts } from "./connection/platform-ports.ts";
import type { RedisClient } from "./connection/redis-client.ts";

/** How much of its limits a process may take in advance. */
export interface LeaseOptions {
  /** The most of one limit that is taken at once, in its measure. Default a hundredth of the limit. */
  readonly max?: number;
  /** How long a lease lasts, in ms; a crashed process's lease counts as used after it. Default 10,000, at least 1,000. */
  readonly ttlMs?: number;
}

/** Where the state is kept and how. One of `client` and `url` is needed. */
export interface RedisStateOptions {
  /** A client of the application. Only its settings are used: the state opens two connections of its own with them. */
  readonly client?: RedisClient;
  /** Such as `redis://:password@host:6379/0`, or `rediss://…` for TLS. For a cluster give a `client`. */
  readonly url?: string;
  /** Keeps several stores on one server apart; the hash tag of every key. Default `agentplane`. */
  readonly namespace?: string;
  /**
   * After so many ms without an answer a command fails and its connection is made anew; a reservation that the server
   * comes to later takes nothing. Default 5,000; a plane's `stateTimeout` is the shorter one.
   */
  readonly timeoutMs?: number;
  /** How often it is confirmed that no change of a plug or mode was missed, in ms. Default 1,000. */
  readonly heartbeatMs?: number;
  /** How long a limit for the whole life of its subject is kept after it was last asked for, in ms. Default 90 days. */
  readonly lifetimeMs?: number;
  /** Take shares of limits in advance, so that most admissions need no round trip. Default: never. */
  readonly lease?: LeaseOptions;
  /** Replaces what the platform offers, for tests. */
  readonly ports?: Partial<RedisPorts>;
}

/** The options with every default in place. */
export interface RedisStateSettings {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
  readonly lifetimeMs: number;
  readonly lease: { readonly max: number | undefined; readonly ttlMs: number } | undefined;
}

const NAMES = ["client", "url", "namespace", "timeoutMs", "heartbeatMs", "lifetimeMs", "lease", "ports"];
const LEASE_NAMES = ["max", "ttlMs"];
const PORT_NAMES = ["clock", "timers", "logger"];
const DEFAULTS = { timeoutMs: 5_000, heartbeatMs: 1_000, lifetimeMs: 90 * 86_400_000 };
const DEFAULT_LEASE_MS = 10_000;
/** Longer delays overflow the timers of Node.js, which would fire at once; 24 days. */
const LONGEST_TIMER_MS = 2_147_483_647;
/** Below it, the margin for clocks and round trips would leave nothing of a lease. */
const SHORTEST_LEASE_MS = 1_000;

/**
 * Fills in the defaults.
 * @throws ConfigError naming every unknown name and every number that is not a whole one from 1
 */
export function readOptions(options: RedisStateOptions): RedisStateSettings {
  const { namespace = "agentplane", lease, ports = {} } = options;
  const issues = [
    ...unknownNames("", options, NAMES),
    ...unknownNames("lease.", lease ?? {}, LEASE_NAMES),
    ...unknownNames("ports.", ports, PORT_NAMES),
    ...numberIssues("", options, ["timeoutMs", "heartbeatMs", "lifetimeMs"]),
    ...numberIssues("lease.", lease ?? {}, LEASE_NAMES),
    ...sourceIssues(options),
  ];
  if (!/^[^{}\s\p{Cc}\p{Surrogate}]+$/u.test(namespace))
    issues.push({ path: "namespace", message: "must be a name without braces and white space" });
  if (lease?.ttlMs !== undefined && lease.ttlMs < SHORTEST_LEASE_MS)
    issues.push({ path: "lease.ttlMs", message: `must be at least ${SHORTEST_LEASE_MS}` });
  const timed = {
    timeoutMs: options.timeoutMs,
    heartbeatMs: options.heartbeatMs,
    "lease.ttlMs": lease?.ttlMs,
  };
  for (const [path, ms] of Object.entries(timed))
    if (ms !== undefined && ms > LONGEST_TIMER_MS)
      issues.push({ path, message: `must be at most ${LONGEST_TIMER_MS}` });
  if (issues.length > 0) throw new ConfigError("redisState", issues);
  return {
    namespace,
    timeoutMs: options.timeoutMs ?? DEFAULTS.timeoutMs,
    heartbeatMs: options.heartbeatMs ?? DEFAULTS.heartbeatMs,
    lifetimeMs: options.lifetimeMs ?? DEFAULTS.lifetimeMs,
    lease: lease && { max: lease.max, ttlMs: lease.ttlMs ?? DEFAULT_LEASE_MS },
  };
}

function sourceIssues({ client, url }: RedisStateOptions): ConfigIssue[] {
  if ((client === undefined) !== (url === undefined)) return [];
  const message = client === undefined ? "is missing" : "cannot stand beside a client";
  return [{ path: "url", message, suggestion: "give either a client or a URL" }];
}

function unknownNames(path: string, given: object, known: readonly string[]): ConfigIssue[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: path + name,
      message: "unknown option",
      suggestion: suggest(name, known),
    }));
}

function numberIssues(path: string, given: object, names: readonly string[]): ConfigIssue[] {
  return Object.entries(given)
    .filter(
      ([name, value]) =>
        names.includes(name) && value !== undefined && !(Number.isSafeInteger(value) && value >= 1),
    )
    .map(([name, value]) => ({
      path: path + name,
      message: `must be a whole number from 1, not ${String(value)}`,
    }));
}
