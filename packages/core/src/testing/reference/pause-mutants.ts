import type { JsonValue } from "../../base/json.ts";
import { anyway } from "./denial-mutants.ts";
import type { Mutant } from "./mutant.ts";
import type { Answered, ReferenceSeams } from "./seams.ts";

/** Mistakes about calls that wait for a human, and about runs that go on or are aborted. */
export const PAUSE_MUTANTS: readonly Mutant[] = [
  {
    name: "does-not-wait",
    mistake: "makes a call that waits for a human at once",
    breaks: ["ask.plain", "HUMAN_LOOP.plain"],
    create: () => ({ toolCall: withoutWaiting }),
  },
  {
    name: "does-not-wait-on-streams",
    mistake: "makes a call that waits for a human at once when the run is streamed",
    breaks: ["ask.stream", "HUMAN_LOOP.stream"],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        facts.isStreaming ? withoutWaiting(guard, guarded, facts) : guard.toolCall(guarded),
    }),
  },
  {
    name: "going-on-is-consent",
    mistake: "makes every call that waited when the run goes on, whatever was answered",
    breaks: [
      "block.resume",
      "kill.resume",
      "READ_ONLY.resume",
      "NO_EXTERNAL.resume",
      "SAFE_TOOLS_ONLY.resume",
      "FULL_BLOCK.resume",
      "ask.parallel",
      "ask.resume",
      "ask.aborted",
      "HUMAN_LOOP.parallel",
      "HUMAN_LOOP.resume",
      "HUMAN_LOOP.aborted",
    ],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        facts.isResumed ? anyway(guard, guarded, facts) : guard.toolCall(guarded),
      isStopped: () => false,
    }),
  },
  {
    name: "reports-answered-calls",
    mistake: "says that a call still waits whose answer was given and that was made",
    breaks: ["ask.parallel", "HUMAN_LOOP.parallel"],
    create: reportingAnswered,
  },
  {
    name: "asks-twice",
    mistake: "admits every call twice, under an id of its own the second time",
    breaks: ["audit.decision", "rate.resume", "RATE_THROTTLE.resume"],
    create: () => ({
      async toolCall(guard, guarded) {
        const { tool: _tool, callId = "", ...context } = guarded.context;
        const again = {
          ...context,
          callId: `${callId}-again`,
          ...(guarded.context.tool && { tool: guarded.context.tool }),
        };
        await guard.admit(again);
        return guard.toolCall(guarded);
      },
    }),
  },
  {
    name: "starts-over",
    mistake: "counts the model call before a pause again when the run goes on",
    breaks: ["budget.resume"],
    create: () => ({
      async toolCall(guard, guarded, facts) {
        const outcome = await guard.toolCall(guarded);
        if (!facts.isResumed) return outcome;
        const { tool: _tool, callId: _callId, ...identity } = guarded.context;
        const model = { provider: "script", name: "script-1", messages: [] };
        const usage = { inputTokens: 400_000, outputTokens: 5 };
        await guard.modelCall({
          context: { ...identity, hookpoint: "before_model_call", model },
          run: () => "",
          usage: () => usage,
        });
        return outcome;
      },
    }),
  },
  {
    name: "records-going-on-as-new",
    mistake: "asks once more than it has to when a run goes on",
    breaks: ["audit.resume"],
    create: () => ({
      async toolCall(guard, guarded, facts) {
        const outcome = await guard.toolCall(guarded);
        if (facts.isResumed) await guard.toolCall(guarded);
        return outcome;
      },
    }),
  },
  {
    name: "ignores-the-abort",
    mistake: "goes on after the caller has aborted the run",
    breaks: ["block.aborted", "rate.aborted"],
    create: () => ({ isStopped: () => false }),
  },
];

function reportingAnswered(): Partial<ReferenceSeams> {
  const asked = new Map<string, Extract<Answered<JsonValue>, { status: "pending" }>>();
  return {
    async toolCall(guard, guarded, { call }) {
      const outcome = await guard.toolCall(guarded);
      if (outcome.status === "pending") asked.set(call.id, outcome);
      return asked.get(call.id) ?? outcome;
    },
  };
}

const withoutWaiting: ReferenceSeams["toolCall"] = async (guard, guarded, facts) => {
  const outcome = await guard.toolCall(guarded);
  return outcome.status === "pending"
    ? { status: "ran", result: await facts.execute(facts.call.input) }
    : outcome;
};
