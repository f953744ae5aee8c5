import { isGraphInterrupt, isParentCommand } from "@langchain/langgraph";
import type { AnyAgentMiddleware } from "langchain";

import type { AgentRuns } from "./agent-runs.ts";
import type { RunEnd } from "./live-run.ts";
import type { RunFacts } from "../call/identity.ts";

/** Hooks that are nodes of the graph: what one throws, or a jump to the end, ends the run where no call shows it. */
const NODE_HOOKS: ReadonlySet<string | symbol> = new Set([
  "beforeAgent",
  "beforeModel",
  "afterModel",
  "afterAgent",
]);

/**
 * The same middleware, with an eye on the runs that its hooks end.
 * @param middleware Any middleware; not changed.
 */
export function withSeenEnds<M extends AnyAgentMiddleware>(middleware: M, runs: AgentRuns): M {
  const known = new Map<unknown, unknown>();
  const seen = (hook: unknown): unknown => {
    const made = known.get(hook) ?? seenHook(hook, runs);
    known.set(hook, made);
    return made;
  };
  return new Proxy(middleware, {
    get(target, name) {
      // Read on the middleware itself, whose class may have private members.
      const value: unknown = Reflect.get(target, name, target);
      return NODE_HOOKS.has(name) ? seen(value) : value;
    },
  });
}

/** A hook is a function, or `{ hook, canJumpTo }`. */
function seenHook(hook: unknown, runs: AgentRuns): unknown {
  if (typeof hook === "object" && hook !== null && "hook" in hook)
    return { ...hook, hook: seenHook(hook.hook, runs) };
  if (typeof hook !== "function") return hook;
  return async function seenEnd(this: unknown, state: unknown, runtime: RunFacts): Promise<unknown> {
    try {
      const result: unknown = await Reflect.apply(hook, this, [state, runtime]);
      if (isJumpToEnd(result)) await runs.end(runtime, { answer: undefined });
      return result;
    } catch (error) {
      await runs.end(runtime, endBy(error));
      throw error;
    }
  };
}

function isJumpToEnd(result: unknown): boolean {
  return typeof result === "object" && result !== null && "jumpTo" in result && result.jumpTo === "end";
}

/** What leaves an agent towards the graph around it ends the run, and is no failure. */
export function endBy(error: unknown): RunEnd {
  if (isGraphInterrupt(error)) return { isPaused: true };
  return isParentCommand(error) ? { answer: undefined } : { error };
}
