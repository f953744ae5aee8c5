import { AgentplaneError } from "@agentplane/core";
import type { ApplyPatchTool, Computer, Editor, RunContext, Shell, ShellTool } from "@openai/agents";

import type { AnyComputerTool } from "./any-agent.ts";
import { needsHuman, runGoverned, type LocalCall, type ToolGovernor } from "./local-call.ts";

/** Ids of calls by their action: the SDK tells the id when it asks for an approval, and the action when it runs. */
class CallIds {
  readonly #ids = new WeakMap<
    object,
    { readonly callId: string | undefined; readonly context: RunContext }
  >();

  note(action: object, context: RunContext, callId: string | undefined): void {
    this.#ids.set(action, { callId, context });
  }

  callOf(name: string, action: object): LocalCall {
    const { callId, context } = this.#ids.get(action) ?? { callId: undefined, context: undefined };
    return { tool: { name }, input: action, callId, context };
  }
}

/** A shell that runs here under a plane. One that runs at the provider is left as it is: it is hidden or it runs. */
export function governShell(tool: ShellTool, governor: ToolGovernor): ShellTool {
  const { shell } = tool;
  if (shell === undefined) return tool;
  const ids = new CallIds();
  const governed: Shell = {
    async run(action) {
      const outcome = await runGoverned(
        governor,
        ids.callOf(tool.name, action),
        ({ input, isInputChanged }) =>
          // Rules change texts in place: the action is of the shape that was decided.
          shell.run(isInputChanged ? (input as typeof action) : action),
      );
      if (outcome.isRun) return outcome.result;
      return { output: [{ stdout: "", stderr: outcome.message, outcome: { type: "exit", exitCode: 1 } }] };
    },
  };
  const needsApproval: ShellTool["needsApproval"] = (context, action, callId) => {
    ids.note(action, context, callId);
    return needsHuman(governor, ids.callOf(tool.name, action), () =>
      tool.needsApproval(context, action, callId),
    );
  };
  return { ...tool, shell: governed, needsApproval };
}

/** An editor of files under a plane. */
export function governEditor(tool: ApplyPatchTool, governor: ToolGovernor): ApplyPatchTool {
  const { editor } = tool;
  const ids = new CallIds();
  const under = <Operation extends object>(
    work: (operation: Operation, context?: { runContext: RunContext }) => ReturnType<Editor["createFile"]>,
  ): typeof work =>
    async function governedEdit(operation, context) {
      const outcome = await runGoverned(
        governor,
        ids.callOf(tool.name, operation),
        ({ input, isInputChanged }) => work(isInputChanged ? (input as Operation) : operation, context),
      );
      return outcome.isRun ? outcome.result : { status: "failed", output: outcome.message };
    };
  const governed: Editor = {
    createFile: under((operation, context) => editor.createFile(operation, context)),
    updateFile: under((operation, context) => editor.updateFile(operation, context)),
    deleteFile: under((operation, context) => editor.deleteFile(operation, context)),
  };
  const needsApproval: ApplyPatchTool["needsApproval"] = (context, operation, callId) => {
    ids.note(operation, context, callId);
    return needsHuman(governor, ids.callOf(tool.name, operation), () =>
      tool.needsApproval(context, operation, callId),
    );
  };
  return { ...tool, editor: governed, needsApproval };
}

/** What a computer does to the world or shows of it; the rest describes it. */
const ACTIONS = new Set(["screenshot", "click", "doubleClick", "scroll", "type", "move", "keypress", "drag"]);

/** A computer under a plane: each action is a call of the tool with the action's name and arguments. */
export function governComputer(tool: AnyComputerTool, governor: ToolGovernor): AnyComputerTool {
  const governed = (computer: Computer): Computer =>
    new Proxy(computer, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== "function") return value;
        if (typeof member !== "string" || !ACTIONS.has(member)) return value.bind(target) as unknown;
        return (...given: unknown[]) => actOn(governor, tool.name, { target, member, work: value, given });
      },
    });
  const { computer } = tool;
  const created = async (make: (args: object) => unknown, args: object): Promise<Computer> =>
    governed((await make(args)) as Computer);
  return {
    ...tool,
    computer: wrapComputer(computer, governed, created),
    needsApproval: (context, action, callId) =>
      needsHuman(governor, { tool: { name: tool.name }, input: { action }, callId, context }, () =>
        tool.needsApproval(context, action, callId),
      ),
  };
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

async function actOn(
  governor: ToolGovernor,
  name: string,
  action: {
    readonly target: Computer;
    readonly member: string;
    readonly work: Function;
    readonly given: unknown[];
  },
): Promise<unknown> {
  const { target, member, work, given } = action;
  // The last argument is the run's context, where the SDK passes it: no part of what is decided.
  const context = given.findLast((one): one is RunContext => isRunContext(one));
  const args = given.filter((one) => one !== context);
  const call: LocalCall = { tool: { name }, input: { action: member, args }, callId: undefined, context };
  const outcome = await runGoverned(
    governor,
    call,
    async () => Reflect.apply(work, target, given) as unknown,
  );
  if (!outcome.isRun) throw new AgentplaneError("policy_blocked", outcome.message);
  return outcome.result;
}

function isRunContext(value: unknown): boolean {
  return typeof value === "object" && value !== null && "isToolApproved" in value;
}
