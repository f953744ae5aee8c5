import { AsyncLocalStorage } from "node:async_hooks";

import { AgentplaneError } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import type { ToolGovernor } from "./local-call.ts";

/** A run that was decided, while it goes on. */
interface DecidedRun {
  context: RunContext | undefined;
  /** Names the model's last answer: its calls are those that run. */
  turn: string | undefined;
  /** Who governs the agents that take part: the one that began, and those it handed off to. */
  readonly members: Set<ToolGovernor>;
}

const storage = new AsyncLocalStorage<DecidedRun>();

/** The context of the run that goes on now: a model's request does not carry it. */
export function runningContext(): RunContext | undefined {
  return storage.getStore()?.context;
}

/**
 * Runs an agent whose run was decided, with a place for the run's context.
 * @param turn The one with which a saved state goes on.
 */
export function withinRun<R>(governor: ToolGovernor, turn: string | undefined, run: () => R): R {
  return storage.run({ context: undefined, turn, members: new Set([governor]) }, run);
}

/** Runs what an application wrote: an agent that it runs by itself, also the very one that called it, is another run. */
export function outsideRun<R>(run: () => R): R {
  return storage.exit(run);
}

/** Another agent goes on with the run. */
export function joinRun(governor: ToolGovernor): void {
  storage.getStore()?.members.add(governor);
}

/**
 * Refuses an agent that runs where nobody decided its run.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireRun(governor: ToolGovernor): void {
  if (storage.getStore()?.members.has(governor) === true) return;
  throw new AgentplaneError(
    "usage_invalid",
    `agent "${governor.agent.name}" is governed, and runs where its run was not decided: ` +
      `run it with GovernedRunner, or as the tool that its asTool() makes`,
  );
}

/** Notes the context, as soon as the SDK shows it: before each model call it asks the agent for its tools. */
export function noteContext(context: RunContext): void {
  const place = storage.getStore();
  if (place !== undefined) place.context = context;
}

/** The turn of the run that goes on now. */
export function runningTurn(): string | undefined {
  return storage.getStore()?.turn;
}

/** The model has answered: what it calls belongs to a turn of its own. */
export function noteTurn(turn: string | undefined): void {
  const place = storage.getStore();
  if (place !== undefined) place.turn = turn;
}
