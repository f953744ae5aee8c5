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
});
