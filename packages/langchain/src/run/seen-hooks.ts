import { isGraphInterrupt, isParentCommand } from "@langchain/langgraph";
import type { AnyAgentMiddleware } from "langchain";

import type { AgentRuns } from "./agent-runs.ts";
import type { RunEnd } from "./live-run.ts";
import type { RunFacts } from "../call/identity.ts";
import { runFactsOf } from "../langgraph/run-facts.ts";
import { wordsOf, type HookWords } from "./hook-words.ts";

/** Hooks that are nodes of the graph: what one throws, or a jump to the end, ends the run where no call shows it. */
const NODE_HOOKS: ReadonlySet<string | symbol> = new Set([
  "beforeAgent",
  "beforeModel",
  "afterModel",
  "afterAgent",
]);

/** Hooks after which the model is not asked again, unless they jump to it. */
const LAST_HOOKS: ReadonlySet<string | symbol> = new Set(["afterModel", "afterAgent"]);

/** What is made of hooks. */
export interface SeenHooks {
  readonly runs: AgentRuns;
  readonly words: HookWords;
}

/**
 * The same middleware, with an eye on the runs that its hooks end, and on what they say at last.
 * @param middleware Any middleware; not changed.
 */
export function withSeenHooks<M extends AnyAgentMiddleware>(middleware: M, settings: SeenHooks): M {
  const known = new Map<string | symbol, { readonly hook: unknown; readonly made: unknown }>();
  const seen = (hook: unknown, name: string | symbol): unknown => {
    const before = known.get(name);
    if (before?.hook === hook) return before?.made;
    const made = seenHook(hook, name, settings);
    known.set(name, { hook, made });
    return made;
  };
  return new Proxy(middleware, {
    get(target, name) {
      // Read on the middleware itself, whose class may have private members.
      const value: unknown = Reflect.get(target, name, target);
      return NODE_HOOKS.has(name) ? seen(value, name) : value;
    },
  });
}

/** A hook is a function, or `{ hook, canJumpTo }`. */
function seenHook(hook: unknown, name: string | symbol, settings: SeenHooks): unknown {
  if (typeof hook === "object" && hook !== null && "hook" in hook)
    return { ...hook, hook: seenHook(hook.hook, name, settings) };
  if (typeof hook !== "function") return hook;
  const { runs, words } = settings;
  return async function seen(this: unknown, state: unknown, runtime: RunFacts): Promise<unknown> {
    const judge = wordsOf(words, state);
    try {
      const result: unknown = await Reflect.apply(hook, this, [state, runtime]);
      const isEnd = isJumpToEnd(result);
      const judged = isEnd || LAST_HOOKS.has(name) ? await judge(result) : result;
      if (isEnd) await runs.end(runFactsOf(undefined), { answer: undefined });
      return judged;
    } catch (error) {
      // Steps that end side by side do so in their order: none is to wait for the record.
      void runs.end(runFactsOf(undefined), endBy(error)).catch(() => undefined);
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
