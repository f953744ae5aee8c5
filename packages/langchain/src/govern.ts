import { ConfigError } from "@agentplane/core";
import type { AnyAgentMiddleware, CreateAgentParams, AgentMiddleware } from "langchain";

import { createAgentRuns } from "./run/agent-runs.ts";
import { checkGoverned, type GovernedIdentity } from "./call/identity.ts";
import type { OnBlock } from "./call/settings.ts";
import { withMeteredHooks } from "./nested/metered.ts";
import { modelInterception } from "./model/model-interception.ts";
import { NestedCallHandler, type NestedCalls } from "./nested/nested-calls.ts";
import { withUnnotedCommands } from "./model/own-commands.ts";
import { createJudgedCalls } from "./call/judged-calls.ts";
import type { GovernedPlane } from "./call/plane.ts";
import { withOwnMembers } from "./call/private-members.ts";
import { createProviderCalls } from "./call/provider-calls.ts";
import { callInterception } from "./call-interception.ts";
import { withSeenHooks } from "./run/seen-hooks.ts";
import { createTurnResults } from "./tool/turn-results.ts";
import { withGovernedSelector } from "./tool-selector.ts";
import { knowAgent } from "./approval/waiting-calls.ts";

/** Parameters of `createAgent`, of which governing looks at the middleware alone. */
export type GovernableParams = Pick<CreateAgentParams, "model"> & {
  readonly middleware?: readonly AnyAgentMiddleware[];
};

/** How an agent is governed, beyond its own calls. */
export interface GovernOptions {
  /**
   * Calls of models and tools that nobody governs where they are made: by other middleware, in tools, by agents in tools.
   * Default `govern`: those of models and tools are decided; `charge`: those of models alone.
   */
  readonly nested?: NestedCalls;
  /**
   * What a model call or a run becomes that is blocked. Default `message`: an answer with the reason and no tool calls,
   * with which the agent ends. `throw`: the plane's PolicyError.
   */
  readonly onBlock?: OnBlock;
}

/** The same parameters with the plane's two interceptions around the middleware. */
export type GovernedParams<P extends GovernableParams> = Omit<P, "middleware"> & {
  middleware: [AgentMiddleware, ...MiddlewareOf<P>, AgentMiddleware];
};

type MiddlewareOf<P extends GovernableParams> = P["middleware"] extends infer M extends
  readonly AnyAgentMiddleware[]
  ? M
  : [];

/**
 * Puts a LangChain agent under a plane: every model call and every tool call is decided innermost, as it will really run,
 * whatever other middleware does around it.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is, and where a run says for whom it acts.
 * @param params What `createAgent` takes; not changed.
 * @param options What becomes of calls that code inside the agent makes on its own, and of what is blocked.
 * @throws ConfigError for a member or an option that does not exist, and an empty name
 * @example
 * const agent = createAgent(govern(plane, { agent: "billing", fromRun: { tenant: "tenantId" } }, { model, tools }));
 * await agent.invoke({ messages }, { context: { tenantId: "acme" }, configurable: { thread_id: "42" } });
 */
export function govern<P extends GovernableParams>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  params: P,
  options: GovernOptions = {},
): GovernedParams<P> {
  checkGoverned("govern", identity);
  const { nested: how, onBlock } = choicesIn(options);
  knowAgent(plane, identity);
  const nested = (): NestedCallHandler => new NestedCallHandler({ plane, identity }, how);
  const runs = createAgentRuns({ plane, identity });
  const words = { plane, identity, model: params.model, onBlock };
  const middleware = (params.middleware ?? []).map((one) =>
    withMeteredHooks(
      withSeenHooks(withGovernedSelector(withOwnMembers(one), { plane, identity }), { runs, words }),
      nested,
    ),
  );
  const hasToolWrapper = middleware.some(({ wrapToolCall }) => wrapToolCall !== undefined);
  const toolErrors = hasToolWrapper ? "throw" : "message";
  const hasModelWrapper = middleware.some(({ wrapModelCall }) => wrapModelCall !== undefined);
  const gate = {
    plane,
    identity,
    nested,
    toolErrors,
    calls: createProviderCalls(),
    results: createJudgedCalls(hasToolWrapper),
    answers: createJudgedCalls(hasModelWrapper),
  } as const;
  const before = modelInterception(freeName("agentplane.model", middleware), {
    ...gate,
    tools: gate,
    turns: createTurnResults(),
    nested: hasModelWrapper ? nested : undefined,
    runs,
    onBlock,
  });
  const after = callInterception({
    name: freeName("agentplane.calls", middleware),
    ...gate,
  });
  const list: readonly AnyAgentMiddleware[] = [before, ...withUnnotedCommands(middleware), after];
  // The list is exactly the type's tuple; the spread of a generic list loses that.
  return { ...params, middleware: list as GovernedParams<P>["middleware"] };
}

const CHOICES = { nested: ["govern", "charge"], onBlock: ["message", "throw"] } as const;

/** A misspelt option would leave calls of nested agents without a decision. */
function choicesIn(options: GovernOptions): Required<GovernOptions> {
  const issues = Object.entries(options).flatMap(([path, value]) => {
    if (!isOption(path)) return [{ path, message: "unknown option", suggestion: "use nested or onBlock" }];
    const choices: readonly unknown[] = CHOICES[path];
    if (value === undefined || choices.includes(value)) return [];
    return [{ path, message: `"${value}" is not a choice`, suggestion: `use one of ${choices.join(", ")}` }];
  });
  if (issues.length > 0) throw new ConfigError("govern", issues);
  return { nested: options.nested ?? "govern", onBlock: options.onBlock ?? "message" };
}

function isOption(path: string): path is keyof typeof CHOICES {
  return Object.hasOwn(CHOICES, path);
}

/** createAgent refuses two middlewares of one name, also those of two planes around one agent. */
function freeName(base: string, middleware: readonly AnyAgentMiddleware[]): string {
  const taken = new Set(middleware.map(({ name }) => name));
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base}.${count}`;
  return name;
}
