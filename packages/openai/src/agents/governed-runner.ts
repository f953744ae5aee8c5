import {
  Runner,
  RunState,
  type AgentInputItem,
  type NonStreamRunOptions,
  type RunResult,
  type StreamedRunResult,
  type StreamRunOptions,
} from "@openai/agents";

import type { AnyAgent } from "./any-agent.ts";
import { governorOf } from "./govern-agent.ts";
import { governedRun } from "./governed-run.ts";
import { withinRun } from "./running-context.ts";
import { runningChoice } from "./running-model.ts";
import { turnOfState } from "./turns.ts";

type Input<TContext, TAgent extends AnyAgent> = string | AgentInputItem[] | RunState<TContext, TAgent>;

/**
 * A runner that runs governed agents alone: one that is not, also one that a saved state goes on with, is refused before
 * anything happens. Models that an agent names by text, or leaves to the runner, are chosen as the SDK would.
 */
export class GovernedRunner extends Runner {
  override run<TAgent extends AnyAgent, TContext = undefined>(
    agent: TAgent,
    input: Input<TContext, TAgent>,
    options?: NonStreamRunOptions<TContext, TAgent>,
  ): Promise<RunResult<TContext, TAgent>>;
  override run<TAgent extends AnyAgent, TContext = undefined>(
    agent: TAgent,
    input: Input<TContext, TAgent>,
    options?: StreamRunOptions<TContext, TAgent>,
  ): Promise<StreamedRunResult<TContext, TAgent>>;
  override async run<TAgent extends AnyAgent, TContext = undefined>(
    agent: TAgent,
    input: Input<TContext, TAgent>,
    options?: NonStreamRunOptions<TContext, TAgent> | StreamRunOptions<TContext, TAgent>,
  ): Promise<RunResult<TContext, TAgent> | StreamedRunResult<TContext, TAgent>> {
    // A state goes on with the agent that it names.
    const [acting = governorOf(agent)] = [agent, ...agentsOf(input)].map(governorOf).toReversed();
    const { model, modelProvider } = this.config;
    const turn = input instanceof RunState ? turnOfState(input) : undefined;
    return governedRun(acting, { input, context: options?.context }, (changed) =>
      runningChoice.run({ model, modelProvider }, () =>
        // One of two overloads, told apart by `stream`.
        withinRun(acting, turn, () =>
          super.run(agent, changed ?? input, options as NonStreamRunOptions<TContext, TAgent>),
        ),
      ),
    );
  }
}

/** A saved state names the agent it goes on with. */
function agentsOf(input: unknown): readonly AnyAgent[] {
  if (!(input instanceof RunState)) return [];
  const current: unknown = Reflect.get(input, "_currentAgent");
  return typeof current === "object" && current !== null ? [current as AnyAgent] : [];
}
