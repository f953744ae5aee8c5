import type { ContextInit } from "../../src/context/context-init.ts";
import type { PlaneOptions } from "../../src/plane-options.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import type { StateStore } from "../../src/store/state-store.ts";

/** A payment, a look, and the same look made again after a crash. */
export const MOST_CALLS = 3;

/** A plane of which each process of the test has one: a payment needs a human, and a crash is noticed after 2 s. */
export function planeOptions(state: StateStore): PlaneOptions {
  return {
    state,
    holdTtl: "2s",
    onUnknownOutcome: "rerun",
    approvals: { resolver: "external", key: "one key for all processes" },
    tools: { pay: { access: "write", external: true }, look: { access: "read", external: false } },
    policies: [
      {
        id: "p",
        blocking: [
          rule.condition({ where: { tool: "pay" }, ["then"]: "escalate", reason: "a person decides" }),
          rule.rate({ id: "calls", limit: MOST_CALLS, window: "1h", per: "agent" }),
        ],
      },
    ],
  };
}

/** A call that is the same in each process. */
export function callOf(tool: "pay" | "look", callId: string): ContextInit {
  return {
    hookpoint: "before_tool_call",
    agent: "worker",
    session: "s",
    callId,
    tool: { name: tool, input: { amount: 1 } },
  };
}
