import { AgentplaneError } from "@agentplane/core";
import { parseCallbackConfigArg } from "@langchain/core/callbacks/manager";
import type { ToolCall } from "@langchain/core/messages";
import {
  RunnableBinding,
  RunnableLambda,
  type RunnableConfig,
  type RunnableToolLike,
} from "@langchain/core/runnables";
import { StructuredTool, type DynamicTool, type StructuredToolInterface } from "@langchain/core/tools";

import { checkGoverned, type GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { hasPrivateMembers } from "../call/private-members.ts";
import { taskInputOf } from "../call/provider-calls.ts";
import { messagesOf } from "../call/turn-of-call.ts";
import { isToolCall } from "../content/tool-call-input.ts";
import { knowAgent } from "../approval/waiting-calls.ts";
import type { GateSettings } from "../call/settings.ts";
import { nodeConfig } from "./run-facts.ts";
import { governedToolCall } from "./tool-call.ts";

/**
 * Puts a tool under a plane, however it is called: `invoke`, `call`, `stream`, `batch`, `streamEvents`, in a ToolNode or
 * by any agent, and through whatever is made of it, `withConfig`, `withRetry`, `withFallbacks`, `pipe`. The call of a
 * model that is denied becomes an error message it can react to; any other call throws the plane's PolicyError.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is, and where a run says for whom it acts.
 * @param tool A tool with code, also one of an MCP server or of `Runnable.asTool`; not changed.
 * @returns A tool of the same class.
 * @throws ConfigError for a member of the identity that does not exist, and an empty name
 * @throws AgentplaneError `usage_invalid` for a tool that runs at the provider: govern the model that offers it.
 * @example const refund = guardTool(plane, { agent: "support" }, tool(pay, { name: "refund", schema }));
 */
export function guardTool<T extends StructuredToolInterface | DynamicTool | RunnableToolLike>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  tool: T,
): T {
  checkGoverned("guardTool", identity);
  knowAgent(plane, identity);
  const settings = { plane, identity };
  // A proxy, and a copy, is of the class of what it stands for.
  if ("call" in tool && typeof tool.call === "function")
    return guardedTool(settings, tool as StructuredToolInterface) as T;
  if (RunnableBinding.isRunnableBinding(tool)) return guardedBinding(settings, tool) as T;
  throw new AgentplaneError(
    "usage_invalid",
    "guardTool takes a tool with code; one that runs at the provider is governed by guardModel, where it is offered",
  );
}

/** Where a tool's own code is reached, whatever way leads there. */
const DOORS = ["call", "_call", "func"] as const;

function guardedTool(settings: GateSettings, tool: StructuredToolInterface): StructuredToolInterface {
  const isPrivate = hasPrivateMembers(tool);
  const doors = new Map<string | symbol, unknown>();
  for (const name of DOORS) {
    const value: unknown = Reflect.get(tool, name, tool);
    if (typeof value !== "function") continue;
    const door = (arg: unknown, ...rest: readonly unknown[]): Promise<unknown> => {
      // `func` and `_call` are given a callback manager before the configuration.
      const at = name === "call" ? 0 : 1;
      const config = name === "call" ? parseCallbackConfigArg(configOf(rest[0])) : (configOf(rest[1]) ?? {});
      const toolCall = toolCallOf(arg) ?? ("toolCall" in config ? toolCallOf(config.toolCall) : undefined);
      const isCall = toolCallOf(arg) !== undefined;
      return governedToolCall(
        settings,
        {
          name: tool.name,
          input: toolCallOf(arg)?.args ?? arg,
          toolCall,
          messages: messagesOfTask(),
          config,
          // The other doors lead into a call that has started.
          ...(name === "call" && { tool }),
        },
        (input, admitted) => {
          const given = [...rest];
          given[at] = admitted;
          return Reflect.apply(value, tool, [isCall ? { ...toolCall, args: input } : input, ...given]);
        },
      );
    };
    doors.set(name, door);
  }
  return new Proxy(tool, {
    get(target, name) {
      if (doors.has(name)) return doors.get(name);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || name === "constructor") return value;
      // What a runnable can do, it does with the proxy as `this`, and so comes to the doors.
      if (!isPrivate || name in StructuredTool.prototype) return value;
      return (...args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
    },
  });
}

/** A runnable that is a tool goes to what it binds by a way of its own for each method: that is what is governed. */
function guardedBinding(settings: GateSettings, tool: RunnableToolLike): RunnableToolLike {
  const { bound } = tool;
  const guarded = RunnableLambda.from((input: unknown, config: RunnableConfig) => {
    const toolCall = "toolCall" in config ? toolCallOf(config.toolCall) : undefined;
    return governedToolCall(
      settings,
      { name: tool.name, input, toolCall, messages: messagesOfTask(), config, tool },
      (decided, admitted) => bound.invoke(decided as Parameters<typeof bound.invoke>[0], admitted),
    );
  });
  const prototype: object | null = Object.getPrototypeOf(tool);
  return Object.assign(Object.create(prototype), tool, { bound: guarded }) as RunnableToolLike;
}

/** The messages that the node around a call was given: a tool is told the call alone. */
function messagesOfTask(): unknown {
  return messagesOf(taskInputOf(nodeConfig() ?? {}));
}

/** A configuration, or in older code callbacks in its place. */
function configOf(value: unknown): RunnableConfig | undefined {
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function toolCallOf(value: unknown): ToolCall | undefined {
  return isToolCall(value) ? value : undefined;
}
