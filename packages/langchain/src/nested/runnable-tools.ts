import { isToolCall } from "../content/tool-call-input.ts";

/** A tool that was made of a runnable, as it starts. */
export interface RunnableTool {
  readonly runId: string;
  /** What LangChain made for the run, and keeps as long as that can end. */
  readonly made: object | undefined;
  readonly name: string;
  readonly input: unknown;
}

/**
 * Finds tools that were made of runnables: one tells of no tool, but of a sequence, whose name whoever calls may choose. Its
 * first step, before anything of the runnable runs, has the tool's own name: `<name>:parse_input`.
 */
export class RunnableTools {
  /** The chains that run, and what they were given. */
  readonly #chains = new Map<string, Chain>();

  /** @returns The tool whose first step this is. */
  start({ runId, parentRunId, runName, ...chain }: StartedChain): RunnableTool | undefined {
    const name = PARSES_INPUT.exec(runName ?? "")?.[1];
    // The sequence of a call that is governed where it is made is told to nobody here.
    const parent = parentRunId === undefined ? undefined : this.#chains.get(parentRunId);
    if (name === undefined || parentRunId === undefined || parent === undefined) {
      this.#chains.set(runId, chain);
      return undefined;
    }
    const { inputs, made } = parent;
    // A second step of that name is one more tool.
    this.#chains.delete(parentRunId);
    return { runId: parentRunId, made, name, input: isToolCall(inputs) ? inputs.args : inputs };
  }

  end(runId: string): void {
    this.#chains.delete(runId);
  }
}

interface Chain {
  readonly inputs: unknown;
  readonly made: object | undefined;
}

interface StartedChain extends Chain {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly runName: string | undefined;
}

const PARSES_INPUT = /^(.*):parse_input$/s;
