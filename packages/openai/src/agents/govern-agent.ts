import { AgentplaneError, checkIdentity } from "@agentplane/core";
import { getHandoff, type RunContext } from "@openai/agents";

import type { AnyAgent, AnyHandoff, AnyTool } from "./any-agent.ts";
import { actingAgent, type AgentsIdentity } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";
import { decideRuns } from "./agent-tool.ts";
import { CallMemory, memories } from "./call-memory.ts";
import { governFunctionTool } from "./function-tool.ts";
import { GovernedModel } from "./governed-model.ts";
import type { ToolGovernor } from "./local-call.ts";
import { governComputer } from "./local-computer.ts";
import { governEditor, governShell } from "./local-tools.ts";
import { noteOrigins, type ToolOrigin } from "./mcp-tools.ts";
import { noteAgentEnd } from "./nested-run.ts";
import { joinRun, noteContext } from "./running-context.ts";
import { governToolSearch } from "./tool-search.ts";
import { tellStart } from "./tool-starts.ts";

/** The agents that are governed, with who governs them; a `clone()` of one is not among them. */
const governed = new WeakMap<AnyAgent, ToolGovernor>();
/** Tools that run a governed agent. */
const governedAgentTools = new WeakSet<object>();

/** Whether an agent is what `govern` returned, or was reached from there. */
export function isGoverned(agent: AnyAgent): boolean {
  return governed.has(agent);
}

/**
 * Who governs an agent.
 * @throws AgentplaneError `usage_invalid` for one that is not governed
 */
export function governorOf(agent: AnyAgent): ToolGovernor {
  const governor = governed.get(agent);
  if (governor !== undefined) return governor;
  throw new AgentplaneError(
    "usage_invalid",
    `agent "${agent.name}" is not governed: pass what govern(plane, identity, agent) returned; ` +
      `a clone() of a governed agent is another agent, govern it again`,
  );
}

/**
 * Puts an agent of the Agents SDK, and every agent it can hand off to, under a plane: its model calls, function tools,
 * tools of MCP servers, shells, editors, computers, tools that run at the provider, and handoffs.
 * @param plane What `createAgentPlane` returned.
 * @param identity For whom the agents act; each goes by its own name.
 * @param agent Not changed. Its listeners hear of the governed one.
 * @returns An agent for the governed runner, or for `asTool()`. A `clone()` of it is not governed.
 * @throws ConfigError for a member of the identity that does not exist, and an empty name
 * @throws AgentplaneError `usage_invalid` for a tool that runs an agent which is not governed
 * @example
 * const result = await new GovernedRunner().run(govern(plane, { tenant: "acme" }, triage), "Where is my order?");
 */
export function govern<TAgent extends AnyAgent>(
  plane: AgentsPlane,
  identity: AgentsIdentity,
  agent: TAgent,
): TAgent {
  checkIdentity("govern", identity, { isNamed: false, texts: ["approver"], places: ["fromContext"] });
  // It is a copy of the same agent; the SDK's type of a copy forgets which.
  return governOnce({ plane, identity, known: new Map() }, agent) as TAgent;
}

/** A clone counts as one that was given its tools, none too: a stored prompt would lose its own. */
function copyOf(agent: AnyAgent): AnyAgent {
  const hasTools = agent.hasExplicitToolConfig() || agent.tools.length > 0;
  // The SDK takes a member that is undefined for one that was not given; its type does not say so.
  return agent.clone(hasTools ? {} : ({ tools: undefined } as object));
}

interface Governing {
  readonly plane: AgentsPlane;
  readonly identity: AgentsIdentity;
  /** What was governed in this call: handoffs may go round in a circle. */
  readonly known: Map<AnyAgent, AnyAgent>;
}

function governOnce(governing: Governing, agent: AnyAgent): AnyAgent {
  const known = governing.known.get(agent) ?? (governed.has(agent) ? agent : undefined);
  if (known !== undefined) return known;
  refuseOutOfSight(agent);
  const { plane, identity } = governing;
  const governor: ToolGovernor = { plane, agent: { name: agent.name, identity }, memory: new CallMemory() };
  for (const tool of agent.tools) refuseUngoverned(tool, agent.name);
  const copy = copyOf(agent);
  governing.known.set(agent, copy);
  governed.set(copy, governor);
  memories.set(copy, governor.memory);
  const agentOf = (toolName: string): string =>
    copy.handoffs.map((one) => getHandoff(one)).find((one) => one.toolName === toolName)?.agentName ??
    toolName;
  // Set afterwards: how the agent names its model decides about settings that it does not name.
  copy.model = new GovernedModel({ governor, agent: copy, own: agent.model, agentOf });
  copy.handoffs = agent.handoffs.map((handoff) =>
    governHandoff(governing, governor, getHandoff(handoff as AnyHandoff)),
  );
  overrideTools(copy, governor);
  forwardEvents(copy, agent);
  seal(copy);
  return copy;
}

/** The static ones, those of MCP servers, and whatever a subclass adds: at the moment they are asked for. */
function overrideTools(copy: AnyAgent, governor: ToolGovernor): void {
  const origins = new WeakMap<AnyTool, ToolOrigin>();
  noteOrigins(copy, origins);
  const tools = new WeakMap<AnyTool, AnyTool>();
  const governEach = (tool: AnyTool): AnyTool => {
    const known = tools.get(tool) ?? governTool(tool, governor, { origin: origins.get(tool), governEach });
    tools.set(tool, known);
    // A search for tools may give one that is governed.
    tools.set(known, known);
    return known;
  };
  const all = copy.getAllTools.bind(copy);
  copy.getAllTools = async (context, span) => {
    noteContext(context);
    return (await all(context, span)).map(governEach);
  };
  const asTool = copy.asTool.bind(copy);
  const governedAsTool = (options: Parameters<typeof asTool>[0]): ReturnType<typeof asTool> => {
    const tool = asTool(options);
    decideRuns(tool, governor, options);
    governedAgentTools.add(tool);
    return tool;
  };
  // One of two overloads, told apart by the SDK alone.
  copy.asTool = governedAsTool as typeof copy.asTool;
}

function governTool(
  tool: AnyTool,
  governor: ToolGovernor,
  { origin, governEach }: { readonly origin: ToolOrigin | undefined; governEach(tool: AnyTool): AnyTool },
): AnyTool {
  refuseUngoverned(tool, governor.agent.name);
  switch (tool.type) {
    case "function":
      return governFunctionTool(tool, governor, origin);
    case "shell":
      return governShell(tool, governor);
    case "apply_patch":
      return governEditor(tool, governor);
    case "computer":
      return governComputer(tool, governor);
    case "hosted_tool":
      return governToolSearch(tool, governEach);
    default:
      throw new AgentplaneError(
        "usage_invalid",
        `agent "${governor.agent.name}" has a tool of a kind that cannot be governed`,
      );
  }
}

/**
 * A sandbox makes clones of its agent while it runs, with tools of its own; an agent of the realtime API speaks with its
 * model over a connection of its own. None of that would be governed.
 */
function refuseOutOfSight(agent: AnyAgent): void {
  const why =
    "runtimeManifest" in agent
      ? "runs in a sandbox with tools of its own, which cannot be governed: give an Agent the tools it needs"
      : "voice" in agent
        ? "speaks over the realtime API, where no model call can be decided: use an Agent, or guard its tools alone"
        : undefined;
  if (why !== undefined) throw new AgentplaneError("usage_invalid", `agent "${agent.name}" ${why}`);
}

/** A model, a handoff or a list of tools of another kind would not be governed: to set one is an error. Tools may be added. */
function seal(copy: AnyAgent): void {
  for (const member of ["model", "handoffs", "getAllTools"] as const) {
    Object.defineProperty(copy, member, { value: copy[member], writable: false });
  }
  Object.freeze(copy.handoffs);
}

/** A tool that runs another agent: its calls would be made where no policy sees them. */
function refuseUngoverned(tool: AnyTool, agentName: string): void {
  if (tool.type !== "function" || !("on" in tool) || governedAgentTools.has(tool)) return;
  throw new AgentplaneError(
    "usage_invalid",
    `tool "${tool.name}" of agent "${agentName}" runs an agent that is not governed: ` +
      `make it with govern(plane, identity, agent).asTool(…)`,
  );
}

function governHandoff(
  governing: Governing,
  { plane, agent }: ToolGovernor,
  handoff: AnyHandoff,
): AnyHandoff {
  const target = governOnce(governing, handoff.agent);
  const decided = (context: RunContext, input?: string) => ({
    hookpoint: "before_handoff" as const,
    ...actingAgent(agent, context),
    target: { name: handoff.agentName, ...(input !== undefined && { input }) },
  });
  return handoff.clone({
    agent: target,
    async onInvokeHandoff(context, input) {
      const outcome = await plane.guard.toolCall({
        context: decided(context, input),
        run: async () => {
          // Outside of the handoff's own scope the next agent would count as nested in it: only what it chose is kept.
          const next = await handoff.onInvokeHandoff(context, input);
          const governedNext = governOnce(governing, next);
          joinRun(governorOf(governedNext));
          return governedNext;
        },
        result: { read: () => null, write: (next) => next },
      });
      // Our own class: the run ends, and says why.
      if (outcome.status !== "ran") throw outcome.error;
      return outcome.result;
    },
  });
}

/** Who listens to the agent hears of the governed one: it is that agent. */
function forwardEvents(copy: AnyAgent, agent: AnyAgent): void {
  const own = copy.emit.bind(copy);
  copy.emit = (type, ...args) => {
    if (type === "agent_end") noteAgentEnd();
    if (type === "agent_tool_start") tellStart(args);
    agent.emit(type, ...args);
    return own(type, ...args);
  };
}
