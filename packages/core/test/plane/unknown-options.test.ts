import { describe, expect, it } from "vitest";

import { fanOutSink } from "../../src/audit/fan-out-sink.ts";
import { memorySink } from "../../src/audit/memory-sink.ts";
import { otelLogSink } from "../../src/audit/otel-log-sink.ts";
import { genaiPrices } from "../../src/base/genai-prices.ts";
import { enforce } from "../../src/enforce/wrap.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import { createBench, toolCall } from "./bench.ts";

const PRICES = { calcPrice: () => null } as never;
const CALL = toolCall("search");
const { plane } = createBench();
const { engine, guard } = plane;

/** Each with an option that is misspelt, as only a caller without types can write it. */
const MISSPELT: readonly [string, (options: never) => unknown, object, RegExp][] = [
  [
    "memorySink",
    (options) => memorySink(options),
    { maxRecord: 5 },
    /maxRecord: unknown option.*"maxRecords"/,
  ],
  ["memoryState", (options) => memoryState(options), { maxKey: 5 }, /no "maxKey"; .*"maxKeys"/],
  ["otelLogSink", (options) => otelLogSink({ emit() {} }, options), { flush: 1 }, /no "flush"; .*forceFlush/],
  [
    "fanOutSink",
    (target) => fanOutSink([target]),
    { sink: memorySink(), name: "m", required: false },
    /no "required"; /,
  ],
  [
    "genaiPrices",
    (price) => genaiPrices(PRICES, { m: price }),
    { inputUsdPerMillion: 1, outputUsdPerMillion: 1, cacheUsdPerMillion: 1 },
    /m has no "cacheUsdPerMillion"; /,
  ],
  ["HookRegistry", (options) => new HookRegistry(options), { onRum() {} }, /no "onRum"; .*"onRun"/],
  ["its ports", (ports) => new HookRegistry({ ports }), { clok: 1 }, /no "clok"; .*"clock"/],
  ["engine.decide", (options) => engine.decide(CALL, options), { intnt: "peek" }, /no "intnt"; .*"intent"/],
  ["engine.decide, of what it has not", (how) => engine.decide(CALL, how), { canAsk: false }, /no "canAsk"/],
  [
    "engine.rule",
    (how) => engine.rule(guard.context(CALL), how),
    { intent: "ask", canask: false },
    /no "canask"; .*"canAsk"/,
  ],
  [
    "engine.refuse",
    (how) => engine.refuse(guard.context(CALL), { cause: "rule", reason: "no" }, how),
    { intend: "peek" },
    /no "intend"; .*"intent"/,
  ],
  ["engine.isAsked", (how) => engine.isAsked(guard.context(CALL), how), { answer: false }, /no "answer"; /],
  ["guard.ask", (options) => guard.ask(CALL, options), { canAks: false }, /no "canAks"; .*"canAsk"/],
  ["guard.isAsked", (how) => guard.isAsked(CALL, how), { isAnswr: false }, /no "isAnswr"; .*"isAnswer"/],
  [
    "a governed function",
    (options) => enforce(guard, () => 1, options),
    { agent: "a", tool: "t", tennant: "x" },
    /no option "tennant"; .*"tenant"/,
  ],
];

describe("an option that does not exist, which would do nothing in silence, is refused by", () => {
  it.for(MISSPELT)("%s", async ([, use, options, message]) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- stands for a caller without types
    await expect(async () => use(options as never)).rejects.toThrow(message);
  });
});

it("options that exist are taken", async () => {
  expect(memorySink({ hash: createBench().ports.hash, maxRecords: 5 }).records()).toStrictEqual([]);
  memoryState({ clock: { nowMs: () => 0 }, maxKeys: 5 }).close();
  otelLogSink({ emit() {} }, { forceFlush: async () => undefined });
  fanOutSink([{ sink: memorySink(), name: "m", isRequired: true }], {});
  const { clock, timers, createScope } = createBench().ports;
  const registry = new HookRegistry({ hookpoints: [], onRun() {}, ports: { clock, timers, createScope } });
  expect(registry.couldRunAt("before_tool_call", { agent: { id: "a" } } as never)).toBe(false);
  const context = guard.context(CALL);
  expect(await engine.decide(CALL, { intent: "peek" })).toMatchObject({ effect: "allow" });
  const how = { intent: "ask", canAsk: false, isCounted: true } as const;
  expect(await engine.rule(context, how)).toMatchObject({ decision: { effect: "allow" } });
  expect(await guard.ask(CALL, { canAsk: false })).toMatchObject({ effect: "allow" });
  expect(await guard.isAsked(CALL, { isAnswer: false })).toBe(false);
});
