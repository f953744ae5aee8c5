import { describe, expect, it } from "vitest";
import { z } from "zod";

import { ConfigError } from "../../src/base/errors.ts";
import type { Policy, PolicyDocument } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createFakeClock } from "../../src/testing/fake-clock.ts";
import { blocking, createBench, toolCall, type Bench, type BenchOptions } from "./bench.ts";

const deny = (id: string, tool: string): Policy => blocking(id, [rule.denylist({ tools: [tool] })]);
const documentOf = (policies: readonly Policy[]): PolicyDocument => ({
  apiVersion: "agentplane/v1",
  policies,
});
/** Many policies, of which the first denies one tool. */
const many = (tool: string, count = 400): PolicyDocument =>
  documentOf([
    deny("first", tool),
    ...Array.from({ length: count }, (_, at) =>
      blocking(`p${at}`, [
        rule.denylist({ tools: [`${tool}_${at}`] }),
        rule.rate({ limit: 1_000 + at, window: "1h" }),
      ]),
    ),
  ]);

const LOOK_MS = 0.1;

interface SlowBench extends Bench {
  /** How often the clock was looked at in each slice: once before, and after each step. */
  readonly looks: readonly number[];
}

/** A plane on which each look at the clock takes a tenth of a millisecond, so that slices end after ten steps. */
function slowBench(options: BenchOptions = {}, between: () => void = () => undefined): SlowBench {
  const clock = createFakeClock();
  const looks: number[] = [];
  let nowMs = 0;
  const elapsedMs = (): number => {
    if (looks.length > 0) looks[looks.length - 1]!++;
    return (nowMs += LOOK_MS);
  };
  const bench = createBench({
    ...options,
    ports: {
      clock: Object.defineProperties(clock, { elapsedMs: { value: elapsedMs } }),
      defer: (run) =>
        void setImmediate(() => {
          between();
          looks.push(0);
          run();
        }),
    },
  });
  return { ...bench, looks };
}

const denies = async ({ plane }: Bench, tool: string): Promise<boolean> =>
  (await plane.engine.decide(toolCall(tool), { intent: "peek" })).effect === "block";

describe("a load", () => {
  it("is done in slices of a bounded number of steps, and is in force at the end", async () => {
    const bench = slowBench();
    expect(await bench.plane.engine.load("server", JSON.stringify(many("update")))).toBe("in_force");
    expect(bench.looks.length).toBeGreaterThan(10);
    expect(Math.max(...bench.looks)).toBeLessThanOrEqual(1 / LOOK_MS + 2);
    expect(await denies(bench, "update")).toBe(true);
    expect(bench.plane.engine.policies()).toHaveLength(401);
    expect(bench.controls("policies_replaced").at(-1)).toMatchObject({
      by: "server",
      data: { policies: 401, revision: bench.plane.engine.revision },
    });
  });

  it("lets decisions through, each of exactly one revision, which it names", async () => {
    const decided: { revision: number; isUpdate: boolean; isMail: boolean }[] = [];
    const bench: SlowBench = slowBench({}, () => {
      const at = (tool: string) => bench.plane.engine.decide(toolCall(tool), { intent: "peek" });
      const [update, mail] = [at("update"), at("send_mail")];
      if ("then" in update || "then" in mail) throw new Error("in memory a decision is there at once");
      expect(mail.revision).toBe(update.revision);
      decided.push({
        revision: update.revision,
        isUpdate: update.effect === "block",
        isMail: mail.effect === "block",
      });
    });
    bench.plane.engine.replaceAll("server", many("update"));
    const before = bench.plane.engine.revision;
    await bench.plane.engine.load("server", many("send_mail"));
    const after = bench.plane.engine.revision;
    await bench.plane.engine.load("server", many("send_mail", 10));
    expect(after).toBe(before + 1);
    expect(decided.filter(({ revision }) => revision === before).length).toBeGreaterThan(10);
    for (const { revision, isUpdate, isMail } of decided) {
      expect([before, after]).toContain(revision);
      expect([isUpdate, isMail]).toStrictEqual([revision === before, revision === after]);
    }
  });

  it("of a broken document keeps the last good set in force and rejects as replaceAll throws", async () => {
    const good = many("update");
    const broken: readonly unknown[] = [
      documentOf([deny("a", "x"), deny("a", "y")]),
      documentOf([blocking("a", [{ rule: "rat", limit: 1 }])]),
      documentOf([blocking("a", [rule.redact({ detect: ["email"] })])]),
      { ...good, policies: [...good.policies, { id: "bad", prioritty: 1 }] },
      "policies: [",
      '{"apiVersion":"agentplane/v1","policies":[{"id":"a","blocking":[],"blocking":[]}]}',
      null,
    ];
    const [one, other] = [slowBench(), slowBench()];
    one.plane.engine.replaceAll("server", good);
    other.plane.engine.replaceAll("server", good);
    for (const document of broken as readonly PolicyDocument[]) {
      const thrown = errorOf(() => other.plane.engine.replaceAll("server", document));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const rejected = await one.plane.engine.load("server", document).catch((error: unknown) => error);
      expect(rejected).toBeInstanceOf(ConfigError);
      expect((rejected as ConfigError).message).toBe((thrown as ConfigError).message);
    }
    expect(await denies(one, "update")).toBe(true);
    expect(one.controls("configuration_error").map(({ reason }) => reason)).toStrictEqual(
      other.controls("configuration_error").map(({ reason }) => reason),
    );
    expect(one.controls("configuration_error")).toHaveLength(broken.length);
  });

  it("that was started last wins, and the earlier one is dropped without a trace", async () => {
    const bench = slowBench();
    const outcomes = await Promise.all([
      bench.plane.engine.load("server", many("update")),
      bench.plane.engine.load("server", many("run_code")),
      bench.plane.engine.load("server", many("send_mail")),
    ]);
    expect(outcomes).toStrictEqual(["superseded", "superseded", "in_force"]);
    expect([await denies(bench, "update"), await denies(bench, "send_mail")]).toStrictEqual([false, true]);
    expect(bench.controls("policies_replaced").filter(({ by }) => by === "server")).toHaveLength(1);
  });

  it("is also dropped in the middle, by a later load or by replaceAll", async () => {
    let slices = 0;
    const later: Promise<unknown>[] = [];
    const bench: SlowBench = slowBench({}, () => {
      if (++slices === 5) later.push(bench.plane.engine.load("server", many("run_code")));
      if (slices === 10) bench.plane.engine.replaceAll("server", documentOf([deny("only", "send_mail")]));
    });
    expect(await bench.plane.engine.load("server", many("update"))).toBe("superseded");
    expect(await Promise.all(later)).toStrictEqual(["superseded"]);
    expect(bench.plane.engine.policies().map(({ policy }) => policy.id)).toStrictEqual(["only"]);
  });

  it("does not undo what another source changes meanwhile", async () => {
    let slices = 0;
    const bench: SlowBench = slowBench({}, () => {
      slices++;
      // Far more often than a load tries again.
      bench.plane.engine.replaceAll("file:a.yaml", documentOf([deny("mine", `tool_${slices}`)]));
    });
    await bench.plane.engine.load("server", many("update"));
    expect(slices).toBeGreaterThan(10);
    expect(await denies(bench, `tool_${slices}`)).toBe(true);
    expect(await denies(bench, "update")).toBe(true);
  });

  it("of code is in force before a single policy of code changes", async () => {
    let slices = 0;
    const bench: SlowBench = slowBench({}, () => {
      if (++slices === 5) bench.plane.engine.addPolicy(deny("added", "send_mail"));
    });
    expect(await bench.plane.engine.load("code", many("update"))).toBe("in_force");
    expect([await denies(bench, "update"), await denies(bench, "send_mail")]).toStrictEqual([true, true]);
    expect(bench.controls().map(({ action }) => action)).toContain("policy_added");
    const broken = bench.plane.engine.load("code", documentOf([deny("a", "x"), deny("a", "y")]));
    bench.plane.engine.removePolicy("added");
    await expect(broken).rejects.toThrow(ConfigError);
    expect([await denies(bench, "update"), await denies(bench, "send_mail")]).toStrictEqual([true, false]);
  });

  it("of two sources at once puts both in force", async () => {
    const bench = slowBench();
    const rest = documentOf([deny("rest", "send_mail")]);
    const loads = [
      bench.plane.engine.load("server", many("update")),
      bench.plane.engine.load("file:a.yaml", rest),
    ];
    expect(await Promise.all(loads)).toStrictEqual(["in_force", "in_force"]);
    expect([await denies(bench, "update"), await denies(bench, "send_mail")]).toStrictEqual([true, true]);
  });
});

describe("rules with something to close", () => {
  const closingBench = (between?: (bench: SlowBench, slice: number) => void) => {
    const open = new Set<string>();
    const closing = defineRule({
      kind: "closing",
      summary: "Says when it comes and goes.",
      timing: "blocking",
      hookpoints: ["*"],
      params: z.strictObject({ name: z.string() }),
      example: { name: "a" },
      isStateless: true,
      compile: ({ name }, { fail }) => {
        if (name === "bad") fail("name", "is bad");
        open.add(name);
        return { check: () => undefined, close: () => void open.delete(name) };
      },
    });
    let slices = 0;
    const bench: SlowBench = slowBench({ rules: [closing] }, () => between?.(bench, ++slices));
    const of = (prefix: string, more: readonly string[] = []): PolicyDocument =>
      documentOf(
        [...Array.from({ length: 300 }, (_, at) => `${prefix}${at}`), ...more].map((name) =>
          blocking(name, [{ rule: "closing", name }]),
        ),
      );
    return { bench, open, of };
  };

  it("are closed when they are retired, after the new ones are in force", async () => {
    const { bench, open, of } = closingBench();
    await bench.plane.engine.load("server", of("a"));
    await bench.plane.engine.load("server", of("b"));
    // What is left is done after the promise.
    await bench.plane.engine.load("file:x", documentOf([]));
    expect([open.size, open.has("b0")]).toStrictEqual([300, true]);
  });

  it("are closed when they never come into force, because the load is refused or dropped", async () => {
    const { bench, open, of } = closingBench((slow, slice) => {
      if (slice === 40) slow.plane.engine.replaceAll("server", documentOf([]));
    });
    await expect(bench.plane.engine.load("file:x", of("a", ["bad"]))).rejects.toThrow(ConfigError);
    expect(open.size).toBe(0);
    void bench.plane.engine.load("server", of("b"));
    bench.plane.engine.replaceAll("server", documentOf([]));
    expect(open.size).toBe(0);
  });
});

it("policies cannot be changed by a rule that is being compiled for the same source", async () => {
  let change: () => void = () => undefined;
  const meddling = defineRule({
    kind: "meddling",
    summary: "Changes policies while it is compiled.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => {
      change();
      return {};
    },
  });
  const bench = slowBench({ rules: [meddling] });
  change = () => bench.plane.engine.addPolicy(deny("x", "x"));
  const loading = bench.plane.engine.load("code", documentOf([blocking("m", [{ rule: "meddling" }])]));
  await expect(loading).rejects.toThrow(/cannot be changed by a rule/);
});

function errorOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}
