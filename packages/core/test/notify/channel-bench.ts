import { ConfigError } from "../../src/base/errors.ts";
import type { AlertMessage } from "../../src/base/notifier.ts";
import type { FetchLike } from "../../src/base/platform.ts";
import type { Timers } from "../../src/base/ports.ts";
import { createPorts } from "../../src/base/runtime.ts";
import type { NotifierDeps } from "../../src/notify/notifier-deps.ts";

/** An alert as a rule sends it. */
export const ALERT: AlertMessage = {
  kind: "decision",
  policyId: "acme.data",
  ruleId: "allow",
  agent: "billing-1",
  tenant: "acme",
  hookpoint: "before_tool_call",
  tool: "shell",
  decisionId: "d1",
  reason: 'tool "shell" is not on the allowlist',
  text: "block (block) by acme.data",
};

const SECRETS: ReadonlyMap<string, string> = new Map([
  ["ALERT_KEY", "s3cret"],
  ["SLACK_URL", "https://hooks.slack.test/T/B/x"],
]);

/** A request as a channel made it. */
export interface Sent {
  readonly url: string;
  readonly init: Parameters<FetchLike>[1];
}

/** Fake time and network: timers fire when told to, requests are answered by status, in order; `hang` never answers. */
export interface Bench {
  readonly deps: NotifierDeps;
  readonly sent: readonly Sent[];
  readonly logged: readonly unknown[];
  /** Delays of the timers that wait, in ms. */
  waiting(): readonly number[];
  /** Lets everything that has settled go on, then fires the next timer. */
  fireNext(): Promise<void>;
  /** Fires timers until none waits. */
  fireAll(fired?: (delayMs: number) => void): Promise<void>;
  settle(): Promise<void>;
}

/** A turn of the event loop: every promise that can settle has settled by then. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** @param answers Status per request; the last one repeats. */
export function createBench(answers: readonly (number | "hang" | "down")[] = [200]): Bench {
  const sent: Sent[] = [];
  const logged: unknown[] = [];
  const timers: { readonly run: () => void; readonly delayMs: number }[] = [];
  const ports = createPorts();
  const fetch: FetchLike = (url, init) => {
    const answer = answers[Math.min(sent.length, answers.length - 1)] ?? 200;
    sent.push({ url, init });
    if (answer === "hang") return new Promise(() => undefined);
    if (answer === "down") return Promise.reject(new TypeError(`fetch failed: ${url}`));
    return Promise.resolve({ ok: answer < 300, status: answer });
  };
  const fake: Timers = {
    set(run, delayMs) {
      const timer = { run, delayMs };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
  };
  const fireAll = async (fired?: (delayMs: number) => void): Promise<void> => {
    await settle();
    const next = timers.shift();
    if (next === undefined) return;
    fired?.(next.delayMs);
    next.run();
    await fireAll(fired);
  };
  const write = (message: string, data?: unknown): void => void logged.push([message, data]);
  return {
    sent,
    logged,
    waiting: () => timers.map(({ delayMs }) => delayMs),
    async fireNext() {
      await settle();
      timers.shift()?.run();
      await settle();
    },
    fireAll,
    settle,
    deps: {
      ...ports,
      fetch,
      timers: fake,
      clock: { wallMs: () => 1_700_000_000_123, elapsedMs: () => 0 },
      logger: { info: write, warn: write, error: write },
      secret: (name) => SECRETS.get(name),
      fail(subPath, message, suggestion) {
        throw new ConfigError("test", [
          { path: subPath, message, ...(suggestion !== undefined && { suggestion }) },
        ]);
      },
    },
  };
}
