import assert from "node:assert/strict";

import type { Decision } from "@agentplane/core";

import { runAgent, type AgentRun, type Task } from "../agent-run.ts";
import type { Turn } from "../scripted-model.ts";
import { CITIES } from "../shop/names.ts";
import type { Stage } from "../stage.ts";
import { decisionsOn, modelDecisions, type Step } from "./step.ts";

const LAST_CITY = "Paris";
const RECOVERY_LIMIT_MS = 8_000;

/** One breach after the other: each is answered more strictly, and all of it ends by itself. */
export const escalationLadder: Step = {
  title: "A rate breach that climbs: alert → approval → READ_ONLY → block, and recovers",
  async play(stage) {
    const [order] = stage.shop.ordersAbove(300);
    assert.ok(order, "the shop has an order to refund");
    const run = await runAgent(stage, climb(order.id));
    const queries = decisionsOn(run, "sql_query").filter(({ effect }) => effect !== "ask");
    assert.deepEqual(
      queries.slice(0, 3).map(({ verdict }) => verdict),
      ["allow", "allow", "allow"],
      "within the rate",
    );
    showAlert(stage, queries[3]);
    showApproval(stage, run);
    showReadOnly(stage, run, order.id);
    showBlock(stage, run, queries.at(-1));
    await showRecovery(stage, order.id);
  },
};

function climb(orderId: number): Task {
  const refund = { orderId, amount: 20, reason: "late" };
  return {
    agent: "analyst-agent",
    prompt: `Count the customers of ${CITIES.join(", ")} with one query per city, in this order, as in "${countSql(CITIES[0])}". Then refund 20 of order ${orderId} (late). Then count the customers of ${LAST_CITY}. Go on when a call is refused; never repeat one.`,
    script: [
      ...CITIES.map(countTurn),
      { call: "issue_refund", args: refund },
      countTurn(LAST_CITY),
      { say: "I could not finish." },
    ],
  };
}

function countTurn(city: string): Turn {
  return { call: "sql_query", args: { sql: countSql(city) } };
}

function countSql(city: string): string {
  return `SELECT COUNT(*) AS customers FROM customers WHERE city = '${city}'`;
}

function showAlert(stage: Stage, breach: Decision | undefined): void {
  assert.equal(breach?.effect, "allow", "the first breach is only watched");
  assert.equal(breach.verdict, "escalate");
  assert.equal(stage.alerts.length, 1);
  stage.shown("ladder-alert", breach.reason);
}

function showApproval(stage: Stage, run: AgentRun): void {
  const queries = decisionsOn(run, "sql_query");
  const id = queries.find(({ effect }) => effect === "ask")?.approvalId;
  assert.ok(id, "the second breach asks a person");
  const answered = stage.controls.find(
    ({ action, data }) => data?.["approvalId"] === id && /approval_(approved|denied)/.test(action),
  );
  assert.ok(answered, "someone answered, and it is on record");
  const afterwards = queries.slice(queries.findLastIndex(({ effect }) => effect === "ask") + 1);
  const [decided] = afterwards;
  if (answered.action === "approval_approved")
    assert.equal(decided?.approvalId, id, "the approval lets this very call run");
  assert.equal(
    decided?.effect,
    answered.action === "approval_approved" ? "allow" : "block",
    "the answer decides",
  );
  stage.shown("ladder-approval", `${answered.by} was asked: ${decided.reason}`);
}

function showReadOnly(stage: Stage, run: AgentRun, orderId: number): void {
  const [refund] = decisionsOn(run, "issue_refund");
  assert.equal(refund?.effect, "block", "READ_ONLY forbids writing");
  assert.equal(refund.cause, "mode");
  assert.match(refund.reason, /READ_ONLY/);
  assert.deepEqual(stage.shop.refundsOf(orderId), []);
  const read = decisionsOn(run, "sql_query").find(
    ({ modes, effect }) => effect === "allow" && modes.includes("READ_ONLY"),
  );
  assert.ok(read, "reading goes on in READ_ONLY");
  stage.shown("ladder-read-only", refund.reason);
}

function showBlock(stage: Stage, run: AgentRun, last: Decision | undefined): void {
  assert.equal(last?.effect, "block", "the last breach is blocked");
  const model = modelDecisions(run).at(-1);
  assert.equal(model?.effect, "block", "and so is everything else of this agent, its model included");
  assert.match(model.reason, /FULL_BLOCK/);
  stage.shown("ladder-block", last.reason);
}

async function showRecovery(stage: Stage, orderId: number): Promise<void> {
  const { plane, timeline } = stage;
  const before = plane.controls.status().modes.length;
  assert.ok(before > 0, "modes hold");
  const hasRecovered = (): boolean => plane.controls.status().modes.length === 0;
  assert.ok(
    await timeline.waitUntil("the modes end by themselves", hasRecovered, RECOVERY_LIMIT_MS),
    "the modes end",
  );
  const run = await runAgent(stage, {
    agent: "analyst-agent",
    prompt: `Refund 20 of order ${orderId} (late).`,
    script: [
      { call: "issue_refund", args: { orderId, amount: 20, reason: "late" } },
      { say: "Refunded 20." },
    ],
  });
  assert.equal(decisionsOn(run, "issue_refund")[0]?.effect, "allow");
  assert.deepEqual(stage.shop.refundsOf(orderId), [20]);
  stage.shown("automatic-recovery", "the same agent may write again, and nobody had to help");
}
