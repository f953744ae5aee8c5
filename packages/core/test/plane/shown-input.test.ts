import { describe, expect, it } from "vitest";

import { aesSeal } from "../../src/node/aes-seal.ts";
import type { ApprovalTerms, Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createBench, sharedState, toolCall, type Bench } from "./bench.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");
const INPUT = { to: "DE02", password: "hunter2" };
const MIRA = { by: "mira", role: "operator" } as const;

function asking(id: string, terms: ApprovalTerms): Policy {
  return {
    id,
    blocking: [
      rule.condition({ where: { tool: "send_mail" }, then: "escalate", reason: "a person decides" }),
    ],
    escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: terms } }],
  };
}

const SHOWN = asking("shown", { timeout: "5m", showInput: true });

function benchWith(policies: readonly Policy[], key = KEY): Bench {
  const ports = createTestPorts();
  return createBench({
    policies,
    state: sharedState(ports),
    sharedPorts: ports,
    approvals: { resolver: "external", key: "k", seal: aesSeal(key) },
  });
}

async function ask({ plane }: Bench): Promise<string> {
  const asked = await plane.guard.ask(toolCall("send_mail", INPUT, { callId: "c1", user: "ada" }));
  if (asked.approvalId === undefined) throw new Error("nobody was asked");
  return asked.approvalId;
}

describe("a policy that shows its approvers the input", () => {
  it("shows all of it to who may answer, and each look is recorded", async () => {
    const bench = benchWith([SHOWN]);
    const id = await ask(bench);
    const { approvals } = bench.plane;
    expect(await approvals.showInput(id, MIRA)).toStrictEqual(INPUT);
    expect(bench.controls("approval_input_shown")).toMatchObject([{ by: "mira", data: { approvalId: id } }]);
    const stored = JSON.stringify([await approvals.get(id), await approvals.list(), bench.records]);
    expect(stored).not.toContain("hunter2");
    expect(stored).toContain("sealedInput");
  });

  it.each([
    ["the requester", { by: "Ada ", role: "operator" }, "cannot be answered by who requested it"],
    ["nobody", { by: " ", role: "operator" }, "needs the name of who answers"],
    ["a client", { by: "mira", role: "client" }, "can only be answered by an operator"],
  ] as const)("shows nothing to %s", async (_who, act, why) => {
    const bench = benchWith([asking("shown", { showInput: true, by: "operator" })]);
    const id = await ask(bench);
    expect(() => bench.plane.approvals.showInput(id, act)).toThrow(why);
    expect(bench.controls("approval_input_shown")).toStrictEqual([]);
  });

  it("keeps it no longer than the question is open", async () => {
    for (const end of ["approve", "deny"] as const) {
      const bench = benchWith([SHOWN]);
      // oxlint-disable-next-line no-await-in-loop -- one bench after the other
      const id = await ask(bench);
      // oxlint-disable-next-line no-await-in-loop
      expect(await bench.plane.approvals[end](id, MIRA)).not.toHaveProperty("sealedInput");
      expect(() => bench.plane.approvals.showInput(id, MIRA)).toThrow("can no longer be answered");
    }
    const bench = benchWith([SHOWN]);
    const id = await ask(bench);
    bench.ports.clock.advance(300_000);
    expect(await bench.plane.approvals.get(id)).not.toHaveProperty("sealedInput");
  });

  it("leaves it nowhere in the store then", async () => {
    const ports = createTestPorts();
    const state = sharedState(ports);
    const approvals = { resolver: "external", key: "k", seal: aesSeal(KEY) } as const;
    const bench = createBench({ policies: [SHOWN], state, sharedPorts: ports, approvals });
    const id = await ask(bench);
    const documents = async (): Promise<string> => JSON.stringify(await state.approvals.list(""));
    expect(await documents()).toContain("sealedInput");
    await bench.plane.approvals.deny(id, MIRA);
    expect(await documents()).not.toContain("sealedInput");
  });

  it("does not show the old input to the second approver of an edited one", async () => {
    const bench = benchWith([asking("shown", { showInput: true, approvers: 2, by: "operator" })]);
    const id = await ask(bench);
    await bench.plane.approvals.edit(id, { ...MIRA, input: { to: "DE03" } });
    expect(() => bench.plane.approvals.showInput(id, { by: "olga", role: "operator" })).toThrow(
      "shows no input",
    );
  });

  it("shows nothing where another policy that asks does not", async () => {
    const bench = benchWith([SHOWN, asking("hidden", { timeout: "5m" })]);
    const id = await ask(bench);
    expect(() => bench.plane.approvals.showInput(id, MIRA)).toThrow(
      `the approval ${id} shows no input: not all policies that ask set showInput`,
    );
  });

  it("shows nothing that was changed in the store", async () => {
    const ports = createTestPorts();
    const state = sharedState(ports);
    const seal = aesSeal(KEY);
    const bench = createBench({
      policies: [SHOWN],
      state,
      sharedPorts: ports,
      approvals: { resolver: "external", key: "k", seal },
    });
    const id = await ask(bench);
    const [[key] = [""]] = await state.approvals.list(`7:defaultapproval:`);
    await state.approvals.update<Record<string, unknown>>(key, (old) => ({
      ...old,
      sealedInput: seal.seal("{}", "other"),
    }));
    expect(() => bench.plane.approvals.showInput(id, MIRA)).toThrow(
      "was changed, or sealed with another key",
    );
  });
});

it("a plane without a seal refuses the policy, and says what to pass", () => {
  const options = { policies: [SHOWN], approvals: { resolver: "external" } } as const;
  expect(() => createBench(options)).toThrow(
    "shown.escalation[0].action.hitl.showInput: needs a seal, for what is shown is stored encrypted — pass approvals: { seal: aesSeal(key) }",
  );
});

it("a plane refuses what is no seal, such as the key itself", () => {
  // @ts-expect-error -- what a caller without types may pass
  expect(() => createBench({ approvals: { resolver: "external", seal: KEY } })).toThrow(
    "approvals.seal: is not a seal — pass aesSeal(key) of @agentplane/core/node",
  );
});
