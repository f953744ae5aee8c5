import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";

import type { Seal } from "../base/seal.ts";
import type { ContextInit } from "../context/context-init.ts";
import type { Decision } from "../decision/decision.ts";
import type { PlaneOptions } from "../plane-options.ts";
import { createAgentPlane, type AgentPlane } from "../plane.ts";
import type { Policy } from "../policy/policy.ts";
import { rule } from "../rules/rule-factory.ts";
import type { Behaviour, StoreUnderTest } from "./contract-case.ts";
import { restart } from "./restart-contract.ts";

const ASKED: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "wire" }, then: "escalate", reason: "a person decides" })],
};
const SHOWN: Policy = {
  ...ASKED,
  escalation: [
    { trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m", showInput: true } } },
  ],
};
/** Hides nothing from anyone who looks twice; what a store must do is give the text back as it was. */
const SEAL: Seal = {
  seal: (text, purpose) => Buffer.from(`${purpose} ${text}`).toString("base64"),
  open: (sealed, purpose) =>
    Buffer.from(sealed, "base64")
      .toString()
      .slice(purpose.length + 1),
};
const SECRET = { password: "hunter2" };
const OLGA = { by: "olga", reason: "incident" };

/** A plane on a state, from one start of its process to the next. */
class Lives {
  readonly #subject: StoreUnderTest;
  readonly #options: PlaneOptions;
  plane: AgentPlane;

  constructor(subject: StoreUnderTest, options: PlaneOptions) {
    this.#subject = subject;
    this.#options = options;
    this.plane = createAgentPlane({ ...options, state: subject.store });
  }

  /** The process ends, and another begins on what it has left. */
  async restart(): Promise<void> {
    await this.plane.close();
    this.plane = createAgentPlane({ ...this.#options, state: await restart(this.#subject) });
    await this.plane.ready();
  }

  async decide(tool: string, change: Partial<ContextInit> = {}): Promise<Decision> {
    return this.plane.engine.decide(callOf(tool, change));
  }

  /** @returns How the call has ended. */
  async run(tool: string, change: Partial<ContextInit> = {}): Promise<string> {
    const { guard } = this.plane;
    const context = guard.context(callOf(tool, change));
    return (await guard.toolCall({ context, run: () => "done" })).status;
  }
}

function callOf(tool: string, change: Partial<ContextInit>): ContextInit {
  const call = { hookpoint: "before_tool_call", agent: "bot", session: "s" } as const;
  return { ...call, tool: { name: tool, input: { n: 1 } }, ...change };
}

/** One behaviour of a plane whose process ends in between. */
function lives(options: PlaneOptions, check: (lives: Lives) => Promise<void>): Behaviour[1] {
  return async (subject) => {
    const all = new Lives(subject, options);
    await all.plane.ready();
    try {
      await check(all);
    } finally {
      await all.plane.close();
    }
  };
}

/** What a plane on a durable store promises over restarts of its process: everything that it must remember. */
export const PLANE_RESTART_BEHAVIOURS: readonly Behaviour[] = [
  [
    "over a restart of its plane: what was unplugged stays so until it is plugged in again",
    lives({}, async (all) => {
      await all.plane.controls.unplug({ kind: "agent", id: "bot" }, OLGA);
      await all.plane.controls.unplug({ kind: "tenant", id: "never seen" }, OLGA);
      await all.restart();
      partialEqual(await all.decide("look"), { effect: "block", cause: "unplugged" });
      partialEqual(await all.decide("look", { agent: "other" }), { effect: "allow" });
      partialEqual(await all.decide("look", { agent: "other", tenant: "never seen" }), {
        cause: "unplugged",
      });
      await all.plane.controls.plug({ kind: "agent", id: "bot" }, OLGA);
      await all.restart();
      partialEqual(await all.decide("look"), { effect: "allow" });
      strictEqual(all.plane.controls.status().plugs.length, 1);
    }),
  ],
  [
    "over a restart of its plane: a mode holds until it is recovered from",
    lives({}, async (all) => {
      await all.plane.controls.degrade({ kind: "agent", id: "bot" }, "READ_ONLY", OLGA);
      await all.restart();
      partialEqual(await all.decide("pay"), { effect: "block", cause: "mode", modes: ["READ_ONLY"] });
      partialEqual(await all.decide("pay", { agent: "other" }), { effect: "allow" });
      strictEqual(await all.plane.controls.recover({ kind: "agent", id: "bot" }, OLGA), 1);
      await all.restart();
      partialEqual(await all.decide("pay"), { effect: "allow" });
    }),
  ],
  [
    "over a restart of its plane: a question waits, its answer counts, and it counts once",
    lives({ policies: [ASKED], approvals: { resolver: "external", key: "k" } }, async (all) => {
      const { effect, approvalId = "" } = await all.decide("wire", { callId: "c" });
      strictEqual(effect, "ask");
      await all.restart();
      partialEqual(await all.plane.approvals.get(approvalId), { status: "pending" });
      partialEqual(await all.decide("wire", { callId: "c" }), { effect: "ask", approvalId });
      await all.plane.approvals.approve(approvalId, { by: "mira", role: "operator" });
      await all.restart();
      const allowed = await all.decide("wire", { callId: "c" });
      partialEqual(allowed, { effect: "allow", approvalId });
      await all.plane.engine.finish(allowed.id, { status: "released" });
      await all.restart();
      partialEqual(await all.plane.approvals.get(approvalId), { status: "consumed" });
      strictEqual((await all.decide("wire", { callId: "c" })).effect, "ask");
    }),
  ],
  [
    "over a restart of its plane: an input is shown to who may answer, and is not stored in the clear",
    lives(
      {
        policies: [SHOWN],
        approvals: { resolver: "external", key: "k", seal: SEAL },
      },
      async (all) => {
        const { approvalId = "" } = await all.decide("wire", { tool: { name: "wire", input: SECRET } });
        await all.restart();
        const { approvals } = all.plane;
        strictEqual(JSON.stringify(await approvals.get(approvalId)).includes("hunter2"), false);
        deepStrictEqual(await approvals.showInput(approvalId, { by: "mira", role: "operator" }), SECRET);
      },
    ),
  ],
  [
    "over a restart of its plane: a ladder goes on where it was, and what it latched stays",
    lives(
      {
        policies: [
          {
            ...ASKED,
            escalation: [
              { trigger: "condition", after: 1, within: "1h", action: { alert: { channel: "log" } } },
              {
                trigger: "condition",
                after: 3,
                within: "1h",
                action: { block: { for: "1h", reason: "enough" } },
              },
            ],
          },
        ],
      },
      async (all) => {
        partialEqual(await all.decide("wire"), { effect: "allow", verdict: "escalate" });
        await all.restart();
        partialEqual(await all.decide("wire"), { effect: "allow", verdict: "escalate" });
        await all.restart();
        strictEqual((await all.decide("wire")).effect, "block");
        await all.restart();
        partialEqual(await all.decide("look"), { effect: "block", cause: "mode", modes: ["FULL_BLOCK"] });
      },
    ),
  ],
  [
    "over a restart of its plane: a session's history is still known, and so is a call that has run",
    lives(
      { policies: [{ id: "p", blocking: [rule.idempotency({ window: "1h", tools: ["pay"] })] }] },
      async (all) => {
        strictEqual(await all.run("pay"), "ran");
        strictEqual(await all.run("look", { callId: "c" }), "ran");
        await all.restart();
        partialEqual(await all.decide("pay"), { effect: "block", ruleId: "idempotency" });
        partialEqual(await all.decide("pay", { session: "another" }), { effect: "allow" });
        partialEqual(await all.decide("look", { callId: "c" }), {
          effect: "block",
          cause: "already_executed",
        });
      },
    ),
  ],
  [
    "over a restart of its plane: rates and budgets go on counting",
    lives(
      { policies: [{ id: "p", blocking: [rule.rate({ limit: 2, window: "1h", per: "agent" })] }] },
      async (all) => {
        strictEqual((await all.decide("look")).effect, "allow");
        await all.restart();
        strictEqual((await all.decide("look")).effect, "allow");
        await all.restart();
        partialEqual(await all.decide("look"), { effect: "block", ruleId: "rate" });
        await all.plane.limits.grant({ policyId: "p", ruleId: "rate", agent: "bot" }, 1, OLGA);
        await all.restart();
        strictEqual((await all.decide("look")).effect, "allow");
        strictEqual((await all.decide("look")).effect, "block");
      },
    ),
  ],
  [
    "over a restart of its plane: published versions keep their numbers and their notes",
    lives({}, async (all) => {
      await all.plane.versions.publish({ id: "pace" }, { author: "ada", changelog: "first" });
      await all.restart();
      const next = { id: "pace", description: "slower" };
      partialEqual(await all.plane.versions.publish(next, { author: "mira", changelog: "second" }), {
        version: 2,
      });
      await all.restart();
      const history = await all.plane.versions.history("pace");
      const noted = history.map(({ version, author, changelog }) => `${version} ${author} ${changelog}`);
      deepStrictEqual(new Set(noted), new Set(["1 ada first", "2 mira second"]));
    }),
  ],
];

/** Compares what is named, and nothing else. */
function partialEqual(actual: object | undefined, expected: Readonly<Record<string, unknown>>): void {
  const named = Object.keys(expected).map((name) => [name, actual && Reflect.get(actual, name)] as const);
  deepStrictEqual(Object.fromEntries(named), expected);
}
