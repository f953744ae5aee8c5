import type { ApplyPatchTool, Editor, RunContext, Shell, ShellTool } from "@openai/agents";

import { needsHuman, runGoverned, type LocalCall, type ToolGovernor } from "./local-call.ts";
import { idsOf } from "./turns.ts";
import { hearingStarts, type ActionStart } from "./tool-starts.ts";

/** Ids of calls by their action: the SDK tells the id when it asks for an approval or begins, and the action when it runs. */
class CallIds {
  readonly #ids = new WeakMap<
    object,
    { readonly callId: string | undefined; readonly context: RunContext }
  >();

  readonly note: ActionStart = (context, action, callId) => void this.#ids.set(action, { callId, context });

  /** @param own Whether the tool wants an approval of the action. */
  callOf<Action extends object>(
    name: string,
    action: Action,
    own: (context: RunContext, action: Action, callId?: string) => Promise<boolean>,
  ): LocalCall {
    const { callId, context } = this.#ids.get(action) ?? { callId: undefined, context: undefined };
    return {
      tool: { name },
      input: action,
      ...idsOf(callId),
      context,
      own: async () => context !== undefined && own(context, action, callId),
    };
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
        ids.callOf(tool.name, action, tool.needsApproval),
        ({ input, isInputChanged }) =>
          // Rules change texts in place: the action is of the shape that was decided.
          shell.run(isInputChanged ? (input as typeof action) : action),
      );
      if (outcome.isRun) return outcome.result;
      return { output: [{ stdout: "", stderr: outcome.message, outcome: { type: "exit", exitCode: 1 } }] };
    },
  };
  const needsApproval: ShellTool["needsApproval"] = (context, action, callId) => {
    ids.note(context, action, callId);
    return needsHuman(governor, ids.callOf(tool.name, action, tool.needsApproval));
  };
  return hearingStarts({ ...tool, shell: governed, needsApproval }, ids.note);
}

type EditorOperation = Parameters<ApplyPatchTool["needsApproval"]>[1];

/** An editor of files under a plane. */
export function governEditor(tool: ApplyPatchTool, governor: ToolGovernor): ApplyPatchTool {
  const { editor } = tool;
  const ids = new CallIds();
  const under = <Operation extends EditorOperation>(
    work: (operation: Operation, context?: { runContext: RunContext }) => ReturnType<Editor["createFile"]>,
  ): typeof work =>
    async function governedEdit(operation, context) {
      const outcome = await runGoverned(
        governor,
        ids.callOf<EditorOperation>(tool.name, operation, tool.needsApproval),
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
    ids.note(context, operation, callId);
    return needsHuman(governor, ids.callOf(tool.name, operation, tool.needsApproval));
  };
  return hearingStarts({ ...tool, editor: governed, needsApproval }, ids.note);
}
