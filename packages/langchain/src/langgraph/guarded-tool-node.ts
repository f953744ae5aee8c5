import { AgentplaneError, type Decision } from "@agentplane/core";
import type { ToolCall } from "@langchain/core/messages";
import { isGraphBubbleUp, isGraphInterrupt, type LangGraphRunnableConfig } from "@langchain/langgraph";
import { ToolNode, type ToolNodeOptions } from "@langchain/langgraph/prebuilt";

import { toolError, toolRefusal } from "../call/enforce.ts";
import { checkGoverned, type GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { taskIdOf } from "../call/provider-calls.ts";
import { messagesOf } from "../call/turn-of-call.ts";
import { leaveBy } from "../content/tool-result.ts";
import { knowAgent, noteWaiting } from "../approval/waiting-calls.ts";
import { askForAll, passAnswers, type WaitingCall } from "./approval-batch.ts";
import { createPausedTurns, type PausedTurns } from "./paused-turns.ts";
import { runFactsOf } from "./run-facts.ts";
import type { GateSettings } from "../call/settings.ts";
import { admittedCall, toolContext } from "./tool-call.ts";
import {
  failureOf,
  isDrained,
  isOpen,
  openCalls,
  type ToolOutput,
  type Turn,
  type TurnCall,
} from "./tool-turn.ts";

/** A call that waits, with what its approval is about. */
interface Waiting extends WaitingCall {
  readonly call: TurnCall;
}

class PlainToolNode extends ToolNode {
  override runTool(call: ToolCall, config: LangGraphRunnableConfig, state: unknown): Promise<ToolOutput> {
    return super.runTool(call, config, state);
  }
}

/**
 * LangGraph's ToolNode under a plane: all calls of the turn are decided first, one interrupt asks for all that need a
 * human, and only then they run, each once over any number of resumes.
 * @example new StateGraph(MessagesAnnotation).addNode("tools", new GuardedToolNode(plane, { agent: "support" }, tools))
 */
export class GuardedToolNode extends ToolNode {
  readonly #settings: GateSettings;
  readonly #paused: PausedTurns<ToolOutput> = createPausedTurns();
  /** The outputs of a running turn, by the configuration object that its node hands on. */
  readonly #turns = new WeakMap<object, ReadonlyMap<ToolCall, ToolOutput | undefined>>();

  /**
   * @param plane What `createAgentPlane` returned.
   * @param identity Who the agent is, and where a run says for whom it acts.
   * @param tools As for ToolNode.
   * @param options As for ToolNode.
   * @throws ConfigError for a member of the identity that does not exist, and an empty name
   */
  constructor(
    plane: GovernedPlane,
    identity: GovernedIdentity,
    tools: ToolNode["tools"],
    options?: ToolNodeOptions,
  ) {
    super(tools, options);
    checkGoverned("GuardedToolNode", identity);
    knowAgent(plane, identity);
    this.#settings = { plane, identity };
  }

  protected override async run(input: unknown, config: LangGraphRunnableConfig): Promise<unknown> {
    const turn = this.#turnOf(input, config);
    await this.#play(turn);
    const outputs = new Map(turn.calls.map(({ toolCall, output }) => [toolCall, output]));
    // A copy, so that turns which share a configuration do not share outputs.
    const own = { ...config };
    this.#turns.set(own, outputs);
    return super.run(input, own);
  }

  protected override async runTool(
    call: ToolCall,
    config: LangGraphRunnableConfig,
    state: unknown,
  ): Promise<ToolOutput> {
    const known = this.#turns.get(config)?.get(call);
    if (known !== undefined) return known;
    // Called by something else than a turn: a turn of its own.
    const turn = { calls: [this.#callOf(call, config, state)], config, state };
    await this.#play(turn);
    return outputOf(turn.calls[0]);
  }

  #turnOf(input: unknown, config: LangGraphRunnableConfig): Turn {
    if (typeof input === "object" && input !== null && "lg_tool_call" in input) {
      const { lg_tool_call: call, ...state } = input;
      // What LangGraph's `Send` to a ToolNode carries.
      return { calls: [this.#callOf(call as ToolCall, config, state)], config, state };
    }
    const calls = openCalls(input).map((call) => this.#callOf(call, config, input));
    const paused = this.#paused.take(taskIdOf(config));
    for (const call of calls) {
      call.output = paused?.outputs.get(call.toolCall.id ?? "");
      call.isBegun = paused?.begun.has(call.toolCall.id ?? "") === true;
    }
    return { calls, config, state: input };
  }

  #callOf(toolCall: ToolCall, config: LangGraphRunnableConfig, state: unknown): TurnCall {
    const tool = this.tools.find(({ name }) => name === toolCall.name);
    const name = tool?.name ?? toolCall.name;
    const own = { name, lc_id: tool?.lc_id };
    const messages = messagesOf(state);
    const called = { name, input: toolCall.args, toolCall, messages, config, tool: own };
    return { toolCall, called, context: toolContext(this.#settings, called) };
  }

  /**
   * Until every call has an output: decides all that are open, and asks once for those that wait. Nothing runs while any
   * call waits: LangGraph saves the results of a turn when all are there, so one that had run would be lost with the
   * process. Earlier answers come again by themselves.
   */
  async #play(turn: Turn): Promise<void> {
    try {
      while (turn.calls.some(isOpen)) {
        // oxlint-disable-next-line no-await-in-loop -- each round follows from what humans answered in the one before
        const waiting = await this.#decide(turn.calls.filter(isOpen));
        // oxlint-disable-next-line no-await-in-loop
        await (waiting.length > 0 ? this.#ask(waiting) : this.#runAll(turn, turn.calls.filter(isOpen)));
      }
    } catch (error) {
      // It is run again, from the top: by a resume, or by the retry policy of the node.
      this.#remember(turn, isGraphBubbleUp(error));
      // One call that waits makes its turn wait: any of those that are open.
      const waiting = turn.calls.find(isOpen);
      const run = runFactsOf(turn.config);
      if (waiting !== undefined)
        await noteWaiting({ ...this.#settings, ...waiting.called, run, toolCall: waiting.toolCall }, error);
      throw error;
    }
  }

  async #decide(open: readonly TurnCall[]): Promise<readonly Waiting[]> {
    const waiting: Waiting[] = [];
    for (const call of open) {
      if (call.isBegun === true) continue;
      // oxlint-disable-next-line no-await-in-loop -- in the order of the turn
      const decision = await this.#decisionOn(call);
      if (decision === undefined) continue;
      const { approvalId, message } = decision;
      if (decision.effect === "ask" && approvalId !== undefined) {
        waiting.push({ call, approvalId, message, decision, toolCallId: call.toolCall.id });
      } else if (decision.effect !== "allow") call.output = toolRefusal({ message, decision }, call.toolCall);
    }
    return waiting;
  }

  /** What has no usable name is no call that could be decided: the model may correct itself. */
  async #decisionOn(call: TurnCall): Promise<Decision | undefined> {
    try {
      return await this.#settings.plane.guard.ask(call.context);
    } catch (error) {
      if (!(error instanceof AgentplaneError) || error.code !== "context_invalid") throw error;
      call.output = toolError(error.message, call.toolCall);
      return undefined;
    }
  }

  async #ask(waiting: readonly Waiting[]): Promise<void> {
    const refused = await askForAll(this.#settings.plane, waiting);
    for (const { call, approvalId, decision } of waiting) {
      const message = refused.get(approvalId);
      if (message !== undefined) call.output = toolRefusal({ message, decision }, call.toolCall);
    }
  }

  /** All at once, admitted in their order; what fails or pauses does not cost the others their results. */
  async #runAll(turn: Turn, ready: readonly TurnCall[]): Promise<void> {
    passAnswers(runFactsOf(turn.config));
    const failures: unknown[] = [];
    const running: Promise<void>[] = [];
    for (const call of ready) {
      // oxlint-disable-next-line no-await-in-loop -- limits are used up in the order of the turn
      await new Promise<void>((start) => {
        const done = this.#outcomeOf(turn, call, start).catch((error: unknown) => void failures.push(error));
        running.push(done.finally(start));
      });
    }
    await Promise.all(running);
    if (failures.length > 0) throw failures.find((error) => !isGraphBubbleUp(error)) ?? failures[0];
  }

  async #outcomeOf({ config, state }: Turn, call: TurnCall, start: () => void): Promise<void> {
    const run = async (input: unknown, own: object): Promise<unknown> => {
      call.isBegun = true;
      start();
      // The record that went in, changed by no more than values; the node's own configuration.
      const decided = { ...call.toolCall, args: input as ToolCall["args"] };
      return this.#plain().runTool(decided, own as LangGraphRunnableConfig, state);
    };
    try {
      const { called, context } = call;
      const outcome = await admittedCall(this.#settings, { called: { ...called, config }, context }, run);
      if (outcome.status === "ran") call.output = leaveBy(outcome.result) as ToolOutput;
      // What came to need a human since it was decided is asked for in the next round.
      else if (outcome.status === "blocked") call.output = toolRefusal(outcome, call.toolCall);
    } catch (error) {
      if (!this.handleToolErrors || isGraphInterrupt(error) || isDrained(error)) throw error;
      call.output = failureOf(error, call.toolCall);
    }
  }

  /** Runs a call as ToolNode does; what it throws is the plane's to see before it is put in words. */
  #plain(): PlainToolNode {
    return new PlainToolNode(this.tools, { handleToolErrors: false });
  }

  #remember({ calls, config }: Turn, isPaused: boolean): void {
    const outputs = new Map<string, ToolOutput>();
    const begun = new Set<string>();
    for (const { toolCall, output, isBegun } of calls) {
      if (toolCall.id === undefined) continue;
      if (output !== undefined) outputs.set(toolCall.id, output);
      else if (isBegun === true && isPaused) begun.add(toolCall.id);
    }
    this.#paused.keep(taskIdOf(config), { outputs, begun });
  }
}

function outputOf(call: TurnCall | undefined): ToolOutput {
  if (call?.output === undefined) throw new Error("a call of the turn has no output");
  return call.output;
}
