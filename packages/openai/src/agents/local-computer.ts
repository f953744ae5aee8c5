import { AgentplaneError } from "@agentplane/core";
import type { Computer, RunContext } from "@openai/agents";

import { listOf, recordOf } from "../protocol/json.ts";
import type { AnyComputerTool } from "./any-agent.ts";
import { ComputerCalls, type ComputerAction, type ComputerStep } from "./computer-calls.ts";
import { describeCall, needsHuman, runGoverned, type ToolGovernor } from "./local-call.ts";
import { hearingStarts } from "./tool-starts.ts";

/** What a computer does to the world or shows of it; the rest describes it. */
const ACTIONS = new Set([
  "screenshot",
  "click",
  "doubleClick",
  "scroll",
  "type",
  "wait",
  "move",
  "keypress",
  "drag",
]);

/** A computer under a plane: each action is a call of the tool with the action's name and arguments. */
export function governComputer(tool: AnyComputerTool, governor: ToolGovernor): AnyComputerTool {
  const calls = new ComputerCalls(tool);
  const governed = (computer: Computer): Computer => {
    const acting: Acting = { governor, calls, target: computer, shown: new WeakSet() };
    return new Proxy(computer, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== "function") return value;
        if (typeof member !== "string" || !ACTIONS.has(member)) return value.bind(target) as unknown;
        return (...given: unknown[]) => actOn(acting, member, given);
      },
    });
  };
  const { computer } = tool;
  const created = async (make: (args: object) => unknown, args: object): Promise<Computer> =>
    governed((await make(args)) as Computer);
  const needsApproval: AnyComputerTool["needsApproval"] = (context, action, callId) =>
    needsHuman(governor, calls.expect(context, action, callId));
  return hearingStarts(
    { ...tool, computer: wrapComputer(computer, governed, created), needsApproval },
    // What starts is an action of the kind that is asked about.
    (context, action, callId) => void calls.expect(context, action as ComputerAction, callId),
  );
}

type ComputerSource = AnyComputerTool["computer"];

/** A computer, a function that makes one, or an object that makes and disposes of one. */
function wrapComputer(
  source: ComputerSource,
  governed: (computer: Computer) => Computer,
  created: (make: (args: object) => unknown, args: object) => Promise<Computer>,
): ComputerSource {
  if (typeof source === "function")
    return ((args: object) => created(source as never, args)) as ComputerSource;
  if ("create" in source && typeof source.create === "function") {
    const { create } = source;
    return {
      ...source,
      create: (args: object) => created(create.bind(source) as never, args),
    } as ComputerSource;
  }
  return governed(source as Computer);
}

interface Acting {
  readonly governor: ToolGovernor;
  readonly calls: ComputerCalls;
  readonly target: Computer;
  /** The runs whose last action may be shown: the SDK takes a picture after the actions of each call. */
  readonly shown: WeakSet<RunContext>;
}

async function actOn(acting: Acting, member: string, given: readonly unknown[]): Promise<unknown> {
  const { governor, calls, target, shown } = acting;
  // The last argument is the run's context, where the SDK passes it: no part of what is decided.
  const context = given.findLast((one): one is RunContext => isRunContext(one));
  const step: ComputerStep = { member, args: given.filter((one) => one !== context) };
  const call = calls.take(step, context);
  const act = (args: readonly unknown[]): unknown =>
    Reflect.apply(Reflect.get(target, member) as Function, target, args);
  const isPicture = member === "screenshot" && call.callId === undefined;
  if (isPicture && context !== undefined && shown.delete(context)) {
    // It is what the actions before it gave: nobody is asked about it by itself.
    const { effect, message } = await governor.plane.guard.peek(describeCall(governor, call));
    if (effect === "block") throw refused(message);
    return act(given);
  }
  const outcome = await runGoverned(governor, call, async ({ input, isInputChanged }) =>
    act(
      isInputChanged
        ? [...listOf(recordOf(input)?.["args"]), ...(context === undefined ? [] : [context])]
        : given,
    ),
  );
  if (!outcome.isRun) throw refused(outcome.message);
  if (context !== undefined) shown.add(context);
  return outcome.result;
}

function refused(message: string): AgentplaneError {
  return new AgentplaneError("policy_blocked", message);
}

function isRunContext(value: unknown): boolean {
  return typeof value === "object" && value !== null && "isToolApproved" in value;
}
