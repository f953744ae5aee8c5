import { setTimeout } from "node:timers/promises";

import type { Policy } from "@agentplane/core";
import { MemorySaver } from "@langchain/langgraph";
import { createAgent, providerStrategy, toolStrategy, type AnyAgentMiddleware } from "langchain";
import * as z from "zod";

import { govern, type GovernedIdentity } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { watched, type Watched, type Watching } from "./played-watch.ts";
import { ScriptedChatModel, type Turn } from "./scripted-chat-model.ts";
import { middlewareOf, type MiddlewareKind } from "./played-middleware.ts";
import { slowed, toolsOf } from "./played-parts.ts";

/** A run of an agent. */
export interface Script extends Watching {
  readonly turns: readonly Turn[];
  readonly middleware: MiddlewareKind;
  readonly structured: "not" | "by a tool" | "by the provider";
}

/** What takes longer in a run than by itself. */
export type Slowness = readonly ("tools" | "model" | "hooks")[];

/** Gives the parameters of an agent as they are, or under a plane. */
export type Wrap = <P extends Parameters<typeof govern>[2]>(identity: GovernedIdentity, params: P) => P;

/**
 * Everything that can be seen of a run, up to what it gives when everybody who is asked has answered.
 * @param slow What takes longer: where LangGraph lets things race, something else may then be first.
 */
export async function play(
  script: Script,
  policies: readonly Policy[] | undefined,
  slow: Slowness = [],
): Promise<unknown> {
  const { turns, middleware: kind, structured } = script;
  const [runs, told]: [unknown[], unknown[]] = [[], []];
  const model = new ScriptedChatModel(...turns);
  if (slow.includes("model")) model.thinks = () => setTimeout(5);
  const checkpointer = new MemorySaver();
  const make = (): unknown => {
    const plane = policies === undefined ? undefined : planeOf(policies);
    // The interceptors are added to the list, which createAgent takes as any other.
    const wrap: Wrap = (identity, params) =>
      plane === undefined ? params : (govern(plane, identity, params) as never);
    const tools = toolsOf(runs, wrap).map((one) => (slow.includes("tools") ? slowed(one) : one));
    const middleware = middlewareOf(kind, told).map((one) =>
      slow.includes("hooks") ? withSlowHooks(one) : one,
    );
    const responseFormat = FORMATS[structured];
    return createAgent(
      wrap({ agent: "a" }, {
        model,
        tools,
        middleware,
        ...(script.hasThread && { checkpointer }),
        ...(responseFormat !== undefined && { responseFormat }),
      } as never),
    );
  };
  // After a structured response a middleware behind the model runs beside the model's next turn.
  const isParallel = structured !== "not" || turns.some(({ calls = [] }) => calls.length > 1);
  // Its types follow from parameters that differ here.
  return watched(make as () => Watched, script, { runs, told, model, isParallel });
}

const PLACE = z.object({ city: z.string() }).meta({ title: "Place" });
const FORMATS = {
  not: undefined,
  "by a tool": toolStrategy(PLACE),
  "by the provider": providerStrategy(PLACE),
} as const;

const HOOKS = ["beforeAgent", "beforeModel", "afterModel", "afterAgent"] as const;

/** The same middleware, whose hooks take longer. */
function withSlowHooks(one: AnyAgentMiddleware): AnyAgentMiddleware {
  const slow = { ...one };
  for (const name of HOOKS) {
    const hook: unknown = slow[name];
    if (typeof hook !== "function") continue;
    // Of the same type: it takes what the other takes, and gives what that gives.
    slow[name] = (async (...given: readonly unknown[]): Promise<unknown> => {
      await setTimeout(5);
      return Reflect.apply(hook, undefined, given);
    }) as never;
  }
  return slow;
}
