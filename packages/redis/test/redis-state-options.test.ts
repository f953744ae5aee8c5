import { ConfigError } from "@agentplane/core";
import { expect, test } from "vitest";

import { redisState } from "../src/index.ts";
import { readOptions } from "../src/redis-state-options.ts";

test.for<[what: string, options: object, path: string, hint: string]>([
  ["neither a client nor a URL", {}, "url", "either a client or a URL"],
  ["an unknown name", { url: "x", lease: {}, heartbeat: 5 }, "heartbeat", 'did you mean "heartbeatMs"?'],
  ["an unknown name that is like no other", { url: "x", colour: 1 }, "colour", "use one of client, url"],
  ["an unknown name in lease", { url: "x", lease: { ttl: 5 } }, "lease.ttl", 'did you mean "ttlMs"?'],
  ["an unknown port", { url: "x", ports: { hash: 1 } }, "ports.hash", "use one of clock"],
  ["a fraction", { url: "x", timeoutMs: 0.5 }, "timeoutMs", "0.5"],
  ["a number as text", { url: "x", heartbeatMs: "1s" }, "heartbeatMs", "1s"],
  ["a lease of nothing", { url: "x", lease: { max: 0 } }, "lease.max", "0"],
  ["a lease too short to be used", { url: "x", lease: { ttlMs: 500 } }, "lease.ttlMs", "1000"],
  ["a deadline too long for a timer", { url: "x", timeoutMs: 2 ** 31 }, "timeoutMs", "at most 2147483647"],
  ["a heartbeat too long for one", { url: "x", heartbeatMs: 2 ** 31 }, "heartbeatMs", "at most 2147483647"],
  ["a lease too long for one", { url: "x", lease: { ttlMs: 2 ** 31 } }, "lease.ttlMs", "at most 2147483647"],
  ["a namespace with braces", { url: "x", namespace: "a}b" }, "namespace", "braces"],
  ["an empty namespace", { url: "x", namespace: "" }, "namespace", "braces"],
])("refuses %s", ([, options, path, hint]) => {
  // What JavaScript lets through is what is tested.
  const open = (): unknown => redisState(options);
  expect(open).toThrow(ConfigError);
  expect(open).toThrow(`  ${path}: `);
  expect(open).toThrow(hint);
});

test("takes the longest that a timer can be, and as long a life of limits as is wanted", () => {
  const longest = { timeoutMs: 2 ** 31 - 1, heartbeatMs: 2 ** 31 - 1, lifetimeMs: 2 ** 40 };
  expect(() => readOptions({ url: "x", ...longest })).not.toThrow();
});
