import { AgentplaneError, type Admission, type ResultCodec } from "@agentplane/core";
import { RunContext, RunState, StreamedRunResult, type AgentInputItem } from "@openai/agents";

import { actingAgent } from "./agent-identity.ts";
import type { ToolGovernor } from "./local-call.ts";

/** A run of an agent, as the runner is asked for it. */
export interface AskedRun {
  /** What the user said, or the state of a run that goes on. */
  readonly input: unknown;
  /** The application's context, or the SDK's around it. */
  readonly context: unknown;
}

/** What a run gives, as far as it is looked at. */
interface AnyResult {
  readonly interruptions: readonly unknown[];
  readonly finalOutput?: unknown;
}

/**
 * Decides a run before it begins, and what it gave when it has ended: once each, also where it goes on from a saved state
 * or ends with an interruption, an error or another agent. Its calls are not nested in it.
 * @param begin Starts the run, with the input as rules left it where they changed it.
 * @throws PolicyError where the run may not begin, or what it gave is withheld
 */
export async function governedRun<Result extends AnyResult>(
  { plane, agent }: ToolGovernor,
  { input, context }: AskedRun,
  begin: (changed: string | AgentInputItem[] | undefined) => Promise<Result>,
): Promise<Result> {
  const { guard } = plane;
  const admitted = await guard.admit({
    hookpoint: "before_agent",
    ...actingAgent(agent, contextOf(input, context)),
    // A run that goes on from its saved state reads no new input.
    target: { name: agent.name, ...(!(input instanceof RunState) && { input }) },
  });
  if (admitted.status !== "admitted") throw admitted.error;
  let result: Result;
  try {
    result = await begin(admitted.isInputChanged ? changedInput(admitted) : undefined);
  } catch (error) {
    await guard.complete(admitted, { status: "failed", error });
    throw error;
  }
  const judged = async (): Promise<void> => {
    const outcome = await guard.complete<AnyResult>(admitted, { status: "ran", result, codec: RUN_RESULT });
    if (outcome.status !== "ran") throw outcome.error;
  };
  if (!(result instanceof StreamedRunResult)) {
    await judged();
    return result;
  }
  const { completed } = result;
  const ended = completed.then(judged, async (error: unknown) => {
    await guard.complete(admitted, { status: "failed", error });
    throw error;
  });
  // Whoever reads the events alone does not wait for it.
  ended.catch(() => undefined);
  Object.defineProperty(result, "completed", { get: () => ended, configurable: true });
  return result;
}

/** A run that goes on has the context that it began with. */
function contextOf(input: unknown, context: unknown): RunContext {
  const known: unknown = input instanceof RunState ? Reflect.get(input, "_context") : context;
  return known instanceof RunContext ? known : new RunContext(known);
}

function changedInput({ input }: Admission): string | AgentInputItem[] {
  // Rules change texts in place: what was a list of items still is one.
  return input as string | AgentInputItem[];
}

/** What rules see of a run: its last answer; nothing while it waits for a human. */
const RUN_RESULT: ResultCodec<AnyResult> = {
  read: (result) => (result.interruptions.length > 0 ? null : (result.finalOutput ?? null)),
  write() {
    // Every item of the run says it again: only where the model answers is it one text.
    throw new AgentplaneError(
      "content_refused",
      "what a run gave cannot be rewritten at after_agent; redact at after_model_call, or block",
    );
  },
};
