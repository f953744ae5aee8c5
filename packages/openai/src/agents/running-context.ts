import { AsyncLocalStorage } from "node:async_hooks";

import type { RunContext } from "@openai/agents";

const storage = new AsyncLocalStorage<{ context: RunContext | undefined }>();

/** The context of the run that goes on now: a model's request does not carry it. */
export function runningContext(): RunContext | undefined {
  return storage.getStore()?.context;
}

/** Runs with a place for the run's context. */
export function withRunningContext<R>(run: () => R): R {
  return storage.run({ context: undefined }, run);
}

/** Notes the context, as soon as the SDK shows it: before each model call it asks the agent for its tools. */
export function noteContext(context: RunContext): void {
  const place = storage.getStore();
  if (place !== undefined) place.context = context;
}
