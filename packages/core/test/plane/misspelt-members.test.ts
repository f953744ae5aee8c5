import { describe, expect, test } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "./bench.ts";

/** As JavaScript may call it: with a member that does not exist. */
type Misspelt = (bench: Bench) => unknown;

const given = (members: object): never => members as never;
const BOT = { kind: "agent", id: "bot" } as const;
const LADDER = { policyId: "b", trigger: "rate", agent: "bot" };
const LIMIT = { policyId: "b", ruleId: "rate", agent: "bot", tenant: "acme" };
const OLGA = { by: "olga", role: "operator", reason: "drill" };
const ACT = { by: "olga", reason: "drill" };
const run = (): number => 1;

function errorsOf({ logger }: Bench["ports"]): string {
  return logger.entries
    .filter(({ level }) => level === "error")
    .map(({ message }) => message)
    .join();
}

async function withAdmission({ plane }: Bench, use: (admitted: never) => unknown): Promise<unknown> {
  const admitted = await plane.guard.admit(toolCall("search"));
  return use(admitted as never);
}

async function withApproval({ plane }: Bench, use: (id: string) => unknown): Promise<unknown> {
  const { approvalId } = await plane.guard.ask(toolCall("send_mail", {}, { callId: "m" }));
  return use(approvalId ?? "");
}

const CALLS: readonly [string, Misspelt, string][] = [
  [
    "guard.toolCall",
    ({ plane }) => plane.guard.toolCall(given({ context: toolCall("search"), run, isControlflow: run })),
    "isControlFlow",
  ],
  [
    "guard.modelCall",
    ({ plane }) => plane.guard.modelCall(given({ context: modelCall(), run, usge: run })),
    "usage",
  ],
  [
    "guard.toolRun",
    ({ plane }) => plane.guard.toolRun(given({ context: toolCall("search"), runs: run, run })),
    "run",
  ],
  [
    "guard.modelStream",
    ({ plane }) => plane.guard.modelStream(given({ context: modelCall(), run, codec: {}, codecs: 1 })),
    "codec",
  ],
  [
    "guard.complete",
    (bench) =>
      withAdmission(bench, (one) =>
        bench.plane.guard.complete(one, given({ status: "ran", result: 1, isEror: true })),
      ),
    "isError",
  ],
  [
    "guard.complete of a failure",
    (bench) =>
      withAdmission(bench, (one) => bench.plane.guard.complete(one, given({ status: "failed", err: 1 }))),
    "error",
  ],
  [
    "guard.complete of a usage",
    (bench) =>
      withAdmission(bench, (one) =>
        bench.plane.guard.complete(
          one,
          given({ status: "ran", result: 1, usage: { inputToken: 1, outputTokens: 1 } }),
        ),
      ),
    "inputTokens",
  ],
  [
    "guard.judgeAgain",
    ({ plane }) =>
      plane.guard.judgeAgain(
        toolCall("search"),
        given({ result: 1, codec: { read: run, write: run }, codex: 1 }),
      ),
    "codec",
  ],
  [
    "engine.finish",
    ({ plane }) =>
      plane.engine.finish("dec", given({ status: "ran", context: toolCall("search"), usge: {} })),
    "usage",
  ],
  [
    "engine.finish of a call given back",
    ({ plane }) => plane.engine.finish("dec", given({ status: "released", isRefusd: true })),
    "isRefused",
  ],
  [
    "engine.finish of a usage",
    ({ plane }) =>
      plane.engine.finish(
        "dec",
        given({ status: "ran", context: toolCall("search"), usage: { outputToken: 1 } }),
      ),
    "outputTokens",
  ],
  [
    "engine.refuse",
    ({ plane }) =>
      plane.engine.refuse(
        plane.guard.context(toolCall("search")),
        given({ cause: "rule", reason: "why", mesage: "no" }),
      ),
    "message",
  ],
  [
    "controls.unplug",
    ({ plane }) => plane.controls.unplug(BOT, given({ ...ACT, authorty: "file" })),
    "authority",
  ],
  [
    "controls.plug",
    ({ plane }) => plane.controls.plug(BOT, given({ ...ACT, authorty: "file" })),
    "authority",
  ],
  [
    "controls.degrade",
    ({ plane }) => plane.controls.degrade(BOT, "READ_ONLY", given({ by: "olga", reson: "drill" })),
    "reason",
  ],
  ["controls.recover", ({ plane }) => plane.controls.recover(BOT, given({ ...ACT, b: 1 })), "by"],
  [
    "controls.resetLadder",
    ({ plane }) => plane.controls.resetLadder(given({ ...LADDER, tennant: "acme" }), ACT),
    "tenant",
  ],
  ["limits.grant", ({ plane }) => plane.limits.grant(LIMIT, 5, given({ by: "olga", reson: "x" })), "reason"],
  ["limits.reset", ({ plane }) => plane.limits.reset(LIMIT, given({ by: "olga", reson: "x" })), "reason"],
  [
    "approvals.approve",
    (bench) => withApproval(bench, (id) => bench.plane.approvals.approve(id, given({ ...OLGA, reson: "x" }))),
    "reason",
  ],
  [
    "approvals.edit",
    (bench) =>
      withApproval(bench, (id) => bench.plane.approvals.edit(id, given({ ...OLGA, input: {}, inptu: 1 }))),
    "input",
  ],
  ["approvals.list", ({ plane }) => plane.approvals.list(given({ stats: "pending" })), "status"],
  [
    "versions.publish",
    ({ plane }) =>
      plane.versions.publish({ id: "v" }, given({ author: "olga", changelog: "c", changelogs: "x" })),
    "changelog",
  ],
];

describe("a member that does not exist", () => {
  test.each(CALLS)("is refused by %s, which says what was probably meant", async (_verb, call, meant) => {
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [
        blocking("b", [rule.rate({ limit: 100, window: "1h", per: "agent", onBreach: "escalate" })], {
          escalation: [{ trigger: "rate", after: 1, within: "1h", action: { hitl: {} } }],
        }),
        blocking("ask", [rule.condition({ where: { tool: "send_mail" }, ["then"]: "escalate" })]),
      ],
    });
    const called = async (): Promise<unknown> => call(bench);
    await expect(called()).rejects.toMatchObject({ code: "usage_invalid" });
    await expect(called()).rejects.toThrow(`did you mean "${meant}"?`);
  });

  test("is refused in the usage of a context", () => {
    const { plane } = createBench();
    const context = { ...toolCall("search"), usage: given({ inputToken: 1 }) };
    expect(() => plane.guard.context(context)).toThrow(
      'usage.inputToken is no field of usage; did you mean "inputTokens"?',
    );
  });

  test("leaves the call where it was, so that it can be ended once more", async () => {
    const { plane, outcomes } = createBench();
    const admitted = await plane.guard.admit(toolCall("search"));
    if (admitted.status !== "admitted") throw new Error("denied");
    const end = { status: "ran", result: 1, usage: { inputToken: 1 } };
    expect(() => plane.guard.complete(admitted, given(end))).toThrow("did you mean");
    expect(await plane.guard.complete(admitted, { status: "ran", result: 1 })).toMatchObject({ result: 1 });
    expect(outcomes()).toHaveLength(1);
  });

  test("is told of a usage that a finished call was read by, and the call is settled at its estimate", async () => {
    const { plane, ports, outcomes } = createBench({
      policies: [
        blocking("b", [rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant", maxOutput: 10 })]),
      ],
    });
    const outcome = await plane.guard.modelCall({
      context: modelCall(),
      run,
      usage: () => given({ inputToken: 7, outputToken: 3 }),
    });
    expect(outcome).toMatchObject({ status: "ran", result: 1 });
    expect(errorsOf(ports)).toContain('nobody reads "inputToken" of a usage; did you mean "inputTokens"?');
    expect(outcomes()).toMatchObject([{ isEstimated: true }]);
  });

  test("of a provider beside those that are read is nothing to tell of", async () => {
    const { plane, ports } = createBench();
    await plane.guard.modelCall({
      context: modelCall(),
      run,
      usage: () => given({ inputTokens: 7, outputTokens: 3, totalTokens: 10 }),
    });
    await plane.guard.modelCall({
      context: modelCall(),
      run,
      usage: () => given({ totalTokens: 10, inputTokens: 7 }),
    });
    expect(errorsOf(ports)).toBe("");
  });
});
