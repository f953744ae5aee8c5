import { isToolCall } from "../content/tool-call-input.ts";

/** A tool that was made of a runnable, as it starts. */
export interface RunnableTool {
  readonly runId: string;
  readonly name: string;
  readonly input: unknown;
}

/**
 * Finds tools that were made of runnables: one tells of no tool, but of a sequence, whose name whoever calls may choose. Its
 * first step, before anything of the runnable runs, has the tool's own name: `<name>:parse_input`.
 */
export class RunnableTools {
  /** What the chains that run were given. */
  readonly #chains = new Map<string, unknown>();

  /** @returns The tool whose first step this is. */
  start(chain: {
    readonly runId: string;
    readonly parentRunId: string | undefined;
    readonly runName: string | undefined;
    readonly inputs: unknown;
  }): RunnableTool | undefined {
    const { runId, parentRunId, runName, inputs } = chain;
    const name = PARSES_INPUT.exec(runName ?? "")?.[1];
    // The sequence of a call that is governed where it is made is told to nobody here.
    if (name === undefined || parentRunId === undefined || !this.#chains.has(parentRunId)) {
      this.#chains.set(runId, inputs);
      return undefined;
    }
    const given = this.#chains.get(parentRunId);
    // A second step of that name is one more tool.
    this.#chains.delete(parentRunId);
    return { runId: parentRunId, name, input: isToolCall(given) ? given.args : given };
  }

  end(runId: string): void {
    this.#chains.delete(runId);
  }
}

const PARSES_INPUT = /^(.*):parse_input$/s;
