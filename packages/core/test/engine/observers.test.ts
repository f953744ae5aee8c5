import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { Observation } from "../../src/rules/rule.ts";
import { createObserverQueue } from "../../src/engine/observe.ts";
import type { CompiledEntry } from "../../src/engine/compiled-policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, toolCall, type BenchOptions } from "../plane/bench.ts";

function watching(
  observe: (seen: Observation) => void | Promise<void>,
): NonNullable<BenchOptions["rules"]>[number] {
  return defineRule({
    kind: "watch",
    summary: "Watches.",
    timing: "nonBlocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({ observe }),
  });
}

const WATCH = { id: "w", nonBlocking: [{ rule: "watch" }] };

describe("non-blocking rules", () => {
  it("hear of allowed, blocked and finished calls, in order, never before the decision is out", async () => {
    const heard: string[] = [];
    const { plane } = createBench({
      rules: [
        watching(
          ({ phase, decision, isError }) =>
            void heard.push(`${phase} ${decision.effect} ${String(isError ?? false)}`),
        ),
      ],
      policies: [WATCH, blocking("p", [rule.denylist({ tools: ["update"] })])],
    });
    void plane.engine.decide(toolCall("update"));
    expect(heard).toStrictEqual([]);
    await plane.guard.toolCall({ context: plane.guard.context(toolCall("search")), run: () => 1 });
    await expect(
      plane.guard.toolCall({
        context: plane.guard.context(toolCall("search")),
        run: () => Promise.reject(new Error("x")),
      }),
    ).rejects.toThrow("x");
    await plane.flush();
    expect(heard).toStrictEqual([
      "decision block false",
      "decision allow false",
      "outcome allow false",
      "decision allow false",
      "outcome allow true",
    ]);
  });

  it("that throw, reject or hang delay and change nothing; each failure is in the log", async () => {
    const failures = [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      () => new Promise<void>(() => undefined),
    ];
    for (const fail of failures) {
      const { plane, ports } = createBench({ rules: [watching(fail)], policies: [WATCH] });
      // oxlint-disable no-await-in-loop -- one plane after the other
      expect(plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
      const flushed = plane.flush();
      await ports.clock.advanceAsync(1_000);
      await flushed;
      // oxlint-enable no-await-in-loop
      expect(ports.logger.messages("error")).toHaveLength(1);
    }
  });

  it("keep a serverless function alive until they are done", async () => {
    const kept: Promise<unknown>[] = [];
    let isDone = false;
    const slow = watching(async () => {
      await Promise.resolve();
      isDone = true;
    });
    const { plane } = createBench({
      rules: [slow],
      policies: [WATCH],
      ports: { waitUntil: (work) => void kept.push(work) },
    });
    await plane.engine.decide(toolCall("search"));
    expect(kept.length).toBeGreaterThan(0);
    await Promise.all(kept);
    expect(isDone).toBe(true);
  });

  it("do not hear of a preview, nor of policies that do not match", async () => {
    const heard: Observation[] = [];
    const { plane } = createBench({
      rules: [watching((seen) => void heard.push(seen))],
      policies: [{ ...WATCH, selector: { tags: { env: "prod" } } }],
    });
    await plane.engine.decide(toolCall("search"), { intent: "peek" });
    await plane.engine.decide(toolCall("search", {}, { tags: { env: "dev" } }));
    await plane.flush();
    expect(heard).toStrictEqual([]);
    await plane.engine.decide(toolCall("search", {}, { tags: { env: "prod" } }));
    await plane.flush();
    expect(heard).toHaveLength(1);
  });

  it("hear of calls that were refused before any rule, but not of unplugged ones", async () => {
    const heard: string[] = [];
    const { plane } = createBench({
      rules: [watching(({ decision }) => void heard.push(decision.cause))],
      policies: [
        WATCH,
        blocking("t", [rule.denylist({ tools: ["x"] })], { selector: { tenants: ["acme"] } }),
      ],
    });
    await plane.engine.decide(toolCall("search", {}, { tenant: undefined }));
    await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "x" });
    await plane.engine.decide(toolCall("search"));
    await plane.flush();
    expect(heard).toStrictEqual(["identity_missing"]);
  });
});

describe("the queue", () => {
  it("drops what does not fit, counts it and says so once", async () => {
    const ports = createTestPorts();
    const queue = createObserverQueue(ports);
    let seen = 0;
    // Only what the queue looks at.
    const entry = {
      ruleId: "r",
      policy: { id: "p" },
      timeoutMs: 1_000,
      rule: { observe: () => void seen++ },
    } as unknown as CompiledEntry;
    const observation = {} as Observation;
    for (let time = 0; time < 10_050; time++) queue.push([entry], observation);
    await queue.flush();
    expect(queue.droppedCount).toBe(50);
    expect(seen).toBe(10_000);
    expect(ports.logger.messages("error")).toHaveLength(1);
    queue.push([entry], observation);
    await queue.flush();
    expect(seen).toBe(10_001);
  });
});

it("an alert reaches its channel for the calls it names alone", async () => {
  const sent: string[] = [];
  const { plane } = createBench({
    ports: {
      secrets: { KEY: "k" },
      fetch: (_url, init) => {
        sent.push(init?.body ?? "");
        return Promise.resolve({ ok: true, status: 200, text: () => Promise.resolve("") });
      },
    },
    policies: [
      blocking("p", [rule.denylist({ tools: ["update"] })]),
      {
        id: "a",
        nonBlocking: [
          rule.alert({
            on: ["block"],
            channel: "webhook",
            url: "https://ops.example/hook",
            secret: { env: "KEY" },
          }),
        ],
      },
    ],
  });
  await plane.engine.decide(toolCall("search"));
  await plane.flush();
  expect(sent).toStrictEqual([]);
  await plane.engine.decide(toolCall("update"));
  await plane.flush();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toContain("update");
});
