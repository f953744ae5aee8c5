import type { RunContext } from "@openai/agents";

import type { AnyComputerTool } from "./any-agent.ts";
import type { LocalCall } from "./local-call.ts";
import { idsOf } from "./turns.ts";

/** What a model wants a computer to do. */
export type ComputerAction = Parameters<AnyComputerTool["needsApproval"]>[1];

/** One thing that a computer is to do: a method of it, and its arguments. */
export interface ComputerStep {
  readonly member: string;
  readonly args: readonly unknown[];
}

/** What a run asked about and has not done yet. */
interface Expected {
  readonly key: string;
  readonly call: LocalCall;
}

/**
 * The SDK asks whether actions need an approval, with the id of their call, and later calls methods of the computer,
 * without one. Each step is told by what it does, so that what was asked about is what is decided when it happens.
 */
export class ComputerCalls {
  readonly #tool: Pick<AnyComputerTool, "name" | "needsApproval">;
  readonly #expected = new WeakMap<RunContext, Expected[]>();
  readonly #asked = new WeakMap<object, LocalCall>();
  readonly #counts = new WeakMap<RunContext, Map<string, number>>();

  constructor(tool: Pick<AnyComputerTool, "name" | "needsApproval">) {
    this.#tool = tool;
  }

  /** The call of an action that the SDK asks about; the same one where it asks again. */
  expect(context: RunContext, action: ComputerAction, callId: string | undefined): LocalCall {
    const known = this.#asked.get(action);
    if (known?.context === context) return known;
    const step = stepOf(action);
    const own = (): Promise<boolean> => this.#tool.needsApproval(context, action, callId);
    const call = this.#callOf(step, { context, nativeId: callId, own });
    this.#asked.set(action, call);
    const expected = this.#expected.get(context) ?? [];
    this.#expected.set(context, expected);
    expected.push({ key: keyOf(step), call });
    return call;
  }

  /** The call that a step belongs to: the one that was asked about, else one of its own. */
  take(step: ComputerStep, context: RunContext | undefined): LocalCall {
    const expected = context === undefined ? undefined : this.#expected.get(context);
    const at = expected?.findIndex(({ key }) => key === keyOf(step)) ?? -1;
    const [found] = at === -1 ? [] : (expected?.splice(at, 1) ?? []);
    return (
      found?.call ?? { tool: { name: this.#tool.name }, input: inputOf(step), callId: undefined, context }
    );
  }

  /** The actions of one call share its id, and two of them may be the same. */
  #callOf(
    step: ComputerStep,
    {
      context,
      nativeId,
      own,
    }: {
      readonly context: RunContext;
      readonly nativeId: string | undefined;
      readonly own: NonNullable<LocalCall["own"]>;
    },
  ): LocalCall {
    const call = { tool: { name: this.#tool.name }, input: inputOf(step), context, own };
    if (nativeId === undefined) return { ...call, callId: undefined };
    const counts = this.#counts.get(context) ?? new Map<string, number>();
    this.#counts.set(context, counts);
    const { callId = nativeId } = idsOf(nativeId);
    const count = counts.get(callId) ?? 0;
    counts.set(callId, count + 1);
    return { ...call, callId: count === 0 ? callId : `${callId}#${count}`, nativeId };
  }
}

function inputOf({ member, args }: ComputerStep): object {
  return { action: member, args };
}

function keyOf({ member, args }: ComputerStep): string {
  return JSON.stringify([member, args]);
}

/** As the SDK calls the computer for an action. */
function stepOf(action: ComputerAction): ComputerStep {
  switch (action.type) {
    case "click":
      return { member: "click", args: [action.x, action.y, action.button] };
    case "double_click":
      return { member: "doubleClick", args: [action.x, action.y] };
    case "drag":
      return { member: "drag", args: [action.path.map(({ x, y }) => [x, y])] };
    case "keypress":
      return { member: "keypress", args: [action.keys] };
    case "move":
      return { member: "move", args: [action.x, action.y] };
    case "scroll":
      return { member: "scroll", args: [action.x, action.y, action.scroll_x, action.scroll_y] };
    case "type":
      return { member: "type", args: [action.text] };
    default:
      // Without arguments, or unknown: the SDK then does nothing with it.
      return { member: action.type, args: [] };
  }
}
