import type { JsonValue } from "../../base/json.ts";
import type { MaybePromise } from "../../base/maybe-promise.ts";
import type { GuardedCall } from "../../enforce/execute.ts";
import type { Mutant } from "./mutant.ts";
import type { Answered, ReferenceSeams } from "./seams.ts";

/** Mistakes that let a call go on although it was denied. */
export const DENIAL_MUTANTS: readonly Mutant[] = [
  {
    name: "ignores-denials",
    mistake: "asks before tool and model calls, and makes them whatever the answer is",
    breaks: [
      "block.plain",
      "kill.plain",
      "READ_ONLY.plain",
      "NO_EXTERNAL.plain",
      "SAFE_TOOLS_ONLY.plain",
      "FULL_BLOCK.plain",
      "RATE_THROTTLE.plain",
      "rate.plain",
      "block.model",
      "fault.rule",
      "fault.store",
      "fault.audit",
    ],
    create: () => ({ toolCall: anyway, modelCall: anywayModel }),
  },
  {
    name: "ignores-denials-on-streams",
    mistake: "asks, but in a streamed run makes the call whatever the answer is",
    breaks: [
      "block.stream",
      "READ_ONLY.stream",
      "NO_EXTERNAL.stream",
      "SAFE_TOOLS_ONLY.stream",
      "FULL_BLOCK.stream",
      "RATE_THROTTLE.stream",
      "rate.stream",
    ],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        facts.isStreaming ? anyway(guard, guarded, facts) : guard.toolCall(guarded),
      async modelStream(guard, guarded, facts) {
        const opened = await guard.modelStream(guarded);
        return "status" in opened ? facts.stream() : opened;
      },
    }),
  },
  {
    name: "decides-a-turn-once",
    mistake: "lets the answer to the first call of a turn hold for all of them",
    breaks: [
      "block.parallel",
      "READ_ONLY.parallel",
      "NO_EXTERNAL.parallel",
      "SAFE_TOOLS_ONLY.parallel",
      "RATE_THROTTLE.parallel",
      "rate.parallel",
      "rewrite.parallel",
      "redact.parallel",
      "audit.parallel",
    ],
    create: () => ({
      async toolCall(guard, guarded, facts) {
        if (facts.turn[0]?.id === facts.call.id) return guard.toolCall(guarded);
        return { status: "ran", result: await facts.execute(facts.call.input) };
      },
    }),
  },
  {
    name: "keeps-cut-results",
    mistake: "shows what a call gave although it was cut or its result withheld",
    breaks: ["kill.parallel", "kill.model", "FULL_BLOCK.parallel", "block.result"],
    create: () => ({ toolCall: keepingResult, modelCall: anywayModel }),
  },
  {
    name: "keeps-the-signal",
    mistake: "hands a tool the caller's signal alone, not the one that fires when the call is cut",
    breaks: ["kill.signal"],
    create: () => ({
      toolCall: (guard, guarded, facts) =>
        guard.toolCall({ ...guarded, run: ({ input }) => facts.execute(input, facts.signal) }),
    }),
  },
  {
    name: "retries-behind-the-gate",
    mistake: "tries a failed call again inside its admission, without asking anew",
    breaks: [
      "block.retry",
      "kill.retry",
      "READ_ONLY.retry",
      "NO_EXTERNAL.retry",
      "SAFE_TOOLS_ONLY.retry",
      "FULL_BLOCK.retry",
      "RATE_THROTTLE.retry",
      "rate.retry",
      "ask.retry",
      "HUMAN_LOOP.retry",
    ],
    create: () => ({
      toolCall: (guard, guarded, { retries }) =>
        guard.toolCall({ ...guarded, run: (admitted) => insist(async () => guarded.run(admitted), retries) }),
    }),
  },
];

/** Makes a tool call whatever the answer is. */
export const anyway: ReferenceSeams["toolCall"] = (guard, guarded, facts) =>
  regardless(guarded, {
    ask: (call) => guard.toolCall(call),
    make: () => facts.execute(facts.call.input),
  });

const anywayModel: ReferenceSeams["modelCall"] = (guard, guarded, facts) =>
  regardless(guarded, { ask: (call) => guard.modelCall(call), make: () => facts.ask() });

/** Asks, and makes the call if it was not made; keeps what it gave although that was withheld. */
async function regardless<R>(
  guarded: GuardedCall<R>,
  { ask, make }: { ask(call: GuardedCall<R>): MaybePromise<Answered<R>>; make(): Promise<R> },
): Promise<Answered<R>> {
  let made: MaybePromise<R> | undefined;
  const run: typeof guarded.run = (admitted) => {
    made = guarded.run(admitted);
    return made;
  };
  const asked = await orNothing(async () => ask({ ...guarded, run }));
  return asked?.status === "ran" ? asked : { status: "ran", result: await (made ?? make()) };
}

const keepingResult: ReferenceSeams["toolCall"] = async (guard, guarded) => {
  let kept: MaybePromise<JsonValue> | undefined;
  const outcome = await guard.toolCall({
    ...guarded,
    run(admitted) {
      kept = guarded.run(admitted);
      return kept;
    },
  });
  return kept === undefined ? outcome : { status: "ran", result: await kept };
};

async function insist<R>(work: () => Promise<R>, retries: number): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (retries === 0) throw error;
    return insist(work, retries - 1);
  }
}

async function orNothing<R>(work: () => Promise<R>): Promise<R | undefined> {
  try {
    return await work();
  } catch {
    // The mistake itself: a failure of the gate is taken for its consent.
    return undefined;
  }
}
