import type { Admission, Outcome } from "@agentplane/core";
import { RunContext } from "@openai/agents";

import { parseJson, recordOf } from "../protocol/json.ts";
import { actingAgent } from "./agent-identity.ts";
import type { AnyAgent, AnyFunctionTool } from "./any-agent.ts";
import { failedWhereWorded, wordsOfFailure } from "./function-tool.ts";
import type { ToolGovernor } from "./local-call.ts";
import { withinRun } from "./running-context.ts";
import { withToolChoice } from "./running-model.ts";
import { turnOfState } from "./turns.ts";

type AgentToolOptions = Parameters<AnyAgent["asTool"]>[0];

/**
 * Decides the run of an agent inside its tool, before it begins and when it has ended, like a run of the governed runner:
 * the SDK makes a runner of its own there. What is refused is the tool's output, so that the model which called it can react.
 * @param tool What the agent's own `asTool` made. It is changed: the SDK knows it by itself.
 */
export function decideRuns(tool: AnyFunctionTool, governor: ToolGovernor, options: AgentToolOptions): void {
  const { plane, agent } = governor;
  const invoke = tool.invoke.bind(tool);
  tool.invoke = async (context, text, details) => {
    const admitted = await plane.guard.admit({
      hookpoint: "before_agent",
      ...actingAgent(agent, contextOf(options, context)),
      // A run that goes on from its saved state reads no new input.
      target: {
        name: agent.name,
        ...(details?.resumeState === undefined && { input: parseJson(text) ?? text }),
      },
    });
    if (admitted.status !== "admitted") return `Error: ${admitted.message}`;
    const asAdmitted = admitted.isInputChanged ? JSON.stringify(admitted.input) : text;
    try {
      const turn = turnOfState(recordOf(parseJson(details?.resumeState ?? "")) ?? {});
      const run = (): Promise<unknown> =>
        withinRun(governor, turn, () => invoke(context, asAdmitted, details) as Promise<unknown>);
      const output = failedWhereWorded(await withToolChoice(options.runConfig, run));
      const outcome = await ended(governor, admitted, output);
      return outcome.status === "ran" ? outcome.result : `Error: ${outcome.message}`;
    } catch (error) {
      return failed(governor, admitted, error);
    }
  };
}

function ended({ plane }: ToolGovernor, admitted: Admission, output: unknown): Promise<Outcome<unknown>> {
  const outcome = plane.guard.complete<unknown>(admitted, {
    status: "ran",
    result: output,
    // An agent that waits for a human has said nothing yet.
    codec: { read: (said) => (said === "" ? null : said), write: (_said, content) => content },
  });
  return Promise.resolve(outcome);
}

/** @throws What ended the run, unless the SDK gave words for it: those are the tool's output. */
async function failed({ plane }: ToolGovernor, admitted: Admission, error: unknown): Promise<unknown> {
  try {
    await plane.guard.complete(admitted, { status: "failed", error });
  } catch (shown) {
    const words = wordsOfFailure(shown);
    if (words !== undefined) return words;
    throw shown;
  }
  throw error;
}

function contextOf({ runOptions }: AgentToolOptions, outer: RunContext): RunContext {
  const own: unknown = runOptions?.context;
  if (own === undefined) return outer;
  return own instanceof RunContext ? own : new RunContext(own);
}
