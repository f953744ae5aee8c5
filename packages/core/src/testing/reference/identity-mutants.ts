import type { ContextInit } from "../../context/create-context.ts";
import type { ScriptCall, ScriptTool } from "../agent-script.ts";
import { anyway } from "./denial-mutants.ts";
import type { Mutant } from "./mutant.ts";

/** Mistakes about which call, which tool or whose call it is. */
export const IDENTITY_MUTANTS: readonly Mutant[] = [
  {
    name: "trusts-known-call-ids",
    mistake: "takes a call whose id it has seen for decided, and makes it",
    breaks: [
      "block.replay",
      "kill.replay",
      "READ_ONLY.replay",
      "NO_EXTERNAL.replay",
      "SAFE_TOOLS_ONLY.replay",
      "FULL_BLOCK.replay",
      "redact.replay",
    ],
    create() {
      const known = new Set<string>();
      return {
        async toolCall(guard, guarded, facts) {
          if (known.has(facts.call.id))
            return { status: "ran", result: await facts.execute(facts.call.input) };
          known.add(facts.call.id);
          return guard.toolCall(guarded);
        },
        modelCall: async (guard, guarded, facts) =>
          known.size > 0 ? { status: "ran", result: await facts.ask() } : guard.modelCall(guarded),
      };
    },
  },
  {
    name: "invents-call-ids",
    mistake: "gives every attempt a call id of its own, so that no replay is recognised",
    breaks: ["rewrite.replay", "rate.replay", "RATE_THROTTLE.replay"],
    create() {
      let count = 0;
      return {
        contextOf: (init) => (init.callId === undefined ? init : { ...init, callId: `own-${count++}` }),
      };
    },
  },
  {
    name: "reuses-approvals",
    mistake: "takes an approval it has seen used for good, and makes the call again",
    breaks: ["ask.replay", "HUMAN_LOOP.replay"],
    create() {
      const approved = new Set<string>();
      return {
        async toolCall(guard, guarded, facts) {
          if (approved.has(facts.call.id)) return anyway(guard, guarded, facts);
          const outcome = await guard.toolCall(guarded);
          if (outcome.status === "ran") approved.add(facts.call.id);
          return outcome;
        },
      };
    },
  },
  {
    name: "runs-hidden-tools",
    mistake: "takes a tool that it did not offer for one that cannot be called, and does not ask",
    breaks: [
      "block.hidden",
      "kill.hidden",
      "READ_ONLY.hidden",
      "NO_EXTERNAL.hidden",
      "SAFE_TOOLS_ONLY.hidden",
    ],
    create: () => ({
      toolCall: async (guard, guarded, facts) =>
        facts.isOffered
          ? guard.toolCall(guarded)
          : { status: "ran", result: await facts.execute(facts.call.input) },
    }),
  },
  {
    name: "executes-what-resembles",
    mistake: "decides about the name the model wrote, and executes the tool that resembles it",
    breaks: ["block.invented"],
    create: () => ({ find: (name, tools) => resembling(name, tools) }),
  },
  {
    name: "repairs-names",
    mistake: "turns a name that no tool has into the one it resembles",
    breaks: ["READ_ONLY.invented", "NO_EXTERNAL.invented", "SAFE_TOOLS_ONLY.invented"],
    create: () => ({
      named: (call, tools): ScriptCall => ({
        ...call,
        tool: resembling(call.tool, tools)?.name ?? call.tool,
      }),
    }),
  },
  {
    name: "forgets-the-tenant",
    mistake: "leaves the tenant out of every context",
    breaks: ["isolation.limit", "isolation.kill", "isolation.approval"],
    create: () => ({ contextOf: withoutTenant }),
  },
  {
    name: "nested-without-plane",
    mistake: "governs the outer agent alone",
    breaks: [
      "block.nested",
      "kill.nested",
      "READ_ONLY.nested",
      "NO_EXTERNAL.nested",
      "SAFE_TOOLS_ONLY.nested",
      "FULL_BLOCK.nested",
      "RATE_THROTTLE.nested",
      "ask.nested",
      "HUMAN_LOOP.nested",
      "redact.nested",
      "rewrite.nested",
      "rate.nested",
      "budget.nested",
    ],
    create: () => ({ planeOf: ({ plane }, isNested) => (isNested ? undefined : plane) }),
  },
];

function resembling(name: string, tools: readonly ScriptTool[]): ScriptTool | undefined {
  return tools.find((tool) => tool.name.toLowerCase() === name.toLowerCase());
}

function withoutTenant({ tenant: _tenant, ...init }: ContextInit): ContextInit {
  return init;
}
