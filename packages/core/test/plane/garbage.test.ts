import { describe, expect, it } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import { HookRegistry } from "../../src/hooks/hook-registry.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall } from "./bench.ts";

const OLGA = { by: "olga", role: "operator", reason: "drill" };
const NOTE = { author: "olga", changelog: "drill" };
const BOT = { kind: "agent", id: "bot" };
const PACE = blocking("pace", [rule.rate({ id: "calls", limit: 1, window: "1h", onBreach: "escalate" })], {
  escalation: [{ trigger: "rate", after: 1, within: "1h", action: { alert: { channel: "log" } } }],
});
const LIMIT = { policyId: "pace", ruleId: "calls", agent: "bot" };
const LADDER = { policyId: "pace", trigger: "rate", agent: "bot" };
const CALL = toolCall("search");
const GOVERNED = { context: CALL, run: () => 1 };
const CODEC = { read: () => undefined, write: (chunk: unknown) => chunk };

/** What a caller without types may pass where something else is meant. */
const GARBAGE: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  "a number": 0,
  "not a number": NaN,
  "a boolean": true,
  "an empty text": "",
  "a text": "x",
  "a list": [],
  "an empty object": {},
  "a function": () => 1,
  "a symbol": Symbol("s"),
  "another object": { agnet: "x" },
};

const TEXT = ["a text"];
const OPTIONAL = ["undefined", "an empty object", "another object"];

/** Every verb with arguments that are right, and the garbage that happens to be right at each place. */
const VERBS: readonly (readonly [
  verb: string,
  args: readonly unknown[],
  right?: readonly (readonly string[])[],
])[] = [
  ["on", ["decision", () => {}], [[], ["a function"]]],
  ["hooks.on", ["before_tool_call", () => {}], [[], ["a function"]]],
  ["controls.unplug", [BOT, OLGA]],
  ["controls.plug", [BOT, OLGA]],
  ["controls.degrade", [BOT, "READ_ONLY", OLGA]],
  ["controls.recover", [BOT, OLGA]],
  ["controls.resetLadder", [LADDER, OLGA]],
  ["limits.read", [LIMIT]],
  ["limits.grant", [LIMIT, 3, OLGA]],
  ["limits.reset", [LIMIT, OLGA]],
  ["approvals.approve", ["$approval", OLGA]],
  ["approvals.deny", ["$approval", OLGA]],
  ["approvals.edit", ["$approval", { ...OLGA, input: {} }]],
  ["approvals.get", ["$approval"], [TEXT]],
  ["approvals.consume", ["$approval"], [TEXT]],
  ["approvals.wait", ["$approval", AbortSignal.abort()], [[], ["undefined"]]],
  ["approvals.list", [{}], [OPTIONAL]],
  ["approvals.subscribe", [() => {}], [["a function"]]],
  ["versions.publish", [PACE, NOTE]],
  ["versions.history", ["pace"], [TEXT]],
  ["versions.get", ["pace", 1], [TEXT, ["a number", "not a number", "a text"]]],
  ["versions.diff", ["pace", 1, 1]],
  ["versions.rollback", ["pace", 1, NOTE]],
  ["engine.decide", [CALL, { intent: "peek" }], [[], OPTIONAL]],
  ["engine.evaluate", [CALL]],
  ["engine.explain", [CALL]],
  ["engine.rule", [CALL, { intent: "peek" }], [[], OPTIONAL]],
  ["engine.finish", ["dec_1", { status: "released" }], [TEXT]],
  ["engine.refuse", [CALL, { cause: "rule", reason: "r" }, { intent: "peek" }], [[], [], OPTIONAL]],
  ["engine.renew", ["dec_1"], [TEXT]],
  ["engine.lapse", ["dec_1"], [TEXT]],
  ["engine.attach", [new HookRegistry()]],
  ["engine.addPolicy", [PACE]],
  ["engine.removePolicy", ["pace"], [TEXT]],
  ["engine.replaceAll", ["code", { apiVersion: "agentplane/v1", policies: [] }]],
  ["engine.couldConcern", [CALL, "shop"], [[], ["undefined", ...TEXT]]],
  ["engine.couldAsk", [CALL], [["undefined"]]],
  ["engine.load", ["code", { apiVersion: "agentplane/v1", policies: [] }]],
  ["guard.context", [CALL]],
  ["guard.peek", [CALL]],
  ["guard.ask", [CALL]],
  ["guard.admit", [CALL]],
  ["guard.admitBatch", [[CALL]], [["a list"]]],
  ["guard.admission", ["c1"], [TEXT]],
  ["guard.suspend", ["$admission"]],
  ["guard.renew", ["$admission", Promise.resolve()], [[], ["undefined"]]],
  ["guard.release", ["$admission"]],
  ["guard.complete", ["$admission", { status: "ran", result: 1 }]],
  ["guard.toolCall", [GOVERNED]],
  ["guard.modelCall", [GOVERNED]],
  ["guard.toolRun", [GOVERNED]],
  ["guard.modelStream", [{ ...GOVERNED, codec: CODEC }]],
  ["guard.streamDuties", ["$admission"]],
  ["guard.preview", ["$admission"]],
  ["guard.visibleTools", [[{ name: "search" }], CALL], [["a list"]]],
];

const ASKING = blocking("ask", [
  rule.condition({ where: { tool: "send_mail" }, then: "escalate", reason: "mail leaves the house" }),
]);

interface Furnished {
  call(verb: string, args: readonly unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

/** A plane where there is something to approve and something that runs. */
async function createFurnished(): Promise<Furnished> {
  const { plane } = createBench({ policies: [PACE, ASKING], approvals: { resolver: "external" } });
  const asked = await plane.guard.ask(toolCall("send_mail"));
  const admission = await plane.guard.admit(toolCall("search"));
  const stands: Readonly<Record<string, unknown>> = { $approval: asked.approvalId, $admission: admission };
  const valueOf = (arg: unknown): unknown => (typeof arg === "string" ? (stands[arg] ?? arg) : arg);
  return {
    async call(verb: string, args: readonly unknown[]): Promise<unknown> {
      const names = verb.split(".");
      // Verbs are looked up by their names, as callers without types do.
      let owner = plane as unknown as Record<string, unknown>;
      for (const name of names.slice(0, -1)) owner = owner[name] as Record<string, unknown>;
      const method = owner[names.at(-1) ?? ""] as (...given: unknown[]) => unknown;
      return method.apply(owner, args.map(valueOf));
    },
    close: () => plane.close(),
  };
}

describe("a public verb", () => {
  it.each(VERBS.map(([verb, args]) => [verb, args] as const))(
    "%s takes what is right",
    async (verb, args) => {
      const furnished = await createFurnished();
      // What is missing or denied is said with an error of ours, too.
      const code = await furnished.call(verb, args).then(
        () => "taken",
        (error: unknown) => (error instanceof AgentplaneError ? error.code : "not ours"),
      );
      expect(["usage_invalid", "context_invalid", "not ours"]).not.toContain(code);
      await furnished.close();
    },
  );

  const places = VERBS.flatMap(([verb, args, right = []]) =>
    args.map((_arg, at) => [verb, at, args, right[at] ?? []] as const),
  );
  it.each(places)(
    "%s refuses garbage as argument %i with an error that says so",
    async (verb, at, args, right) => {
      const wrong = Object.entries(GARBAGE).filter(([kind]) => !right.includes(kind));
      const outcomes = wrong.map(async ([kind, value]) => {
        const furnished = await createFurnished();
        const given = args.map((arg, position) => (position === at ? value : arg));
        const outcome = await furnished.call(verb, given).catch((error: unknown) => error);
        await furnished.close();
        return outcome instanceof AgentplaneError ? "refused" : kind;
      });
      expect(new Set(await Promise.all(outcomes))).toStrictEqual(new Set(["refused"]));
    },
  );
});

it.each(Object.entries(GARBAGE).filter(([kind]) => !["undefined", "an empty object"].includes(kind)))(
  "a plane is not made of %s",
  (_kind, value) => {
    // What a caller without types may write.
    expect(() => createAgentPlane(value as object)).toThrow(AgentplaneError);
  },
);
