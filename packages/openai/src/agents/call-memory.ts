import type { AgentInputItem, RunContext, RunToolApprovalItem } from "@openai/agents";

import type { LocalCall } from "./local-call.ts";
import { runningTurn } from "./running-context.ts";
import { idInTurn, turnOfState } from "./turns.ts";

/** What was decided about a call before it runs. */
interface Asked {
  /** The run whose call it is: some models number their calls, and each run begins anew. */
  readonly context?: RunContext | undefined;
  /** The plane's request that a human must answer. */
  readonly approvalId?: string;
  /** It came to a human: the SDK asks nobody about a tool all of whose calls are approved. */
  readonly isShown?: boolean;
  /** Why it is refused; it is decided and recorded, and asked of nobody again. */
  readonly refusal?: string;
}

/** A call about which nobody need be asked. */
export interface FreeCall {
  /** The run whose call it is. */
  readonly context: RunContext | undefined;
  /** Its input as the plane has read it, where it was asked. */
  readonly input?: unknown;
}

/** A call that a remote MCP server wants to make. */
export interface HostedQuestion {
  /** As the server asked for it. */
  readonly call: LocalCall;
  /** The item that asks, as the provider knows it. */
  readonly item: AgentInputItem;
  /** As the agent reads it: rules may have replaced some of it. */
  readonly shown: LocalCall | undefined;
}

/** How many calls of an agent are remembered. */
const MAX_CALLS = 1_000;

/** What the plane said when the SDK asked whether a call needs an approval, until the call runs. */
export class CallMemory {
  readonly #asked = new Map<string, Asked>();
  /** The call that has an id of the SDK; undefined where several have. */
  readonly #natives = new Map<string, string | undefined>();
  readonly #hosted = new Map<string, HostedQuestion>();
  readonly #sent = new Map<string, true>();
  readonly #free = new Map<string, FreeCall>();

  note(callId: string | undefined, asked: Asked): void {
    if (callId === undefined) return;
    // Of most calls there is nothing to tell: what was told of one before is no longer so.
    if (asked.refusal === undefined && asked.approvalId === undefined) this.#asked.delete(callId);
    else remember(this.#asked, callId, asked);
  }

  /** Notes what a call of the running turn asks, by the SDK's id of it: its first question, where it asks several. */
  noteNative(nativeId: string, approvalId: string): void {
    const callId = idInTurn(nativeId, runningTurn());
    if (!this.#asked.has(callId)) remember(this.#asked, callId, { approvalId });
    const isOther = this.#natives.has(nativeId) && this.#natives.get(nativeId) !== callId;
    remember(this.#natives, nativeId, isOther ? undefined : callId);
  }

  /** What a call asked, by the SDK's id of it; of an unknown turn, where calls of several have that id, nobody can tell. */
  askedNatively(nativeId: string, turn: string | undefined): string | undefined {
    const callId = turn === undefined ? this.#natives.get(nativeId) : idInTurn(nativeId, turn);
    // A server names its own calls.
    return this.approvalIdOf(callId ?? "") ?? this.approvalIdOf(nativeId);
  }

  /**
   * A remote MCP server wants to make this call.
   * @param key Names the call and who acts: of another tenant's question nobody knows.
   */
  noteHosted(key: string, question: HostedQuestion): void {
    remember(this.#hosted, key, question);
  }

  hostedQuestion(key: string): HostedQuestion | undefined {
    return this.#hosted.get(key);
  }

  /** A yes to a call of a remote MCP server has reached its provider. */
  noteSent(key: string): void {
    remember(this.#sent, key, true);
  }

  hasSent(key: string): boolean {
    return this.#sent.has(key);
  }

  /**
   * Nobody need be asked about it, so no answer is looked for when it runs.
   * @param input As the plane has read it, where it was asked.
   * @returns That nobody need be asked.
   */
  noteFree({ callId, context }: Pick<LocalCall, "callId" | "context">, input?: unknown): false {
    if (callId !== undefined) remember(this.#free, callId, { context, input });
    return false;
  }

  /** Said of one execution: a state that is gone on with is looked at anew. */
  takeFree({ callId, context }: Pick<LocalCall, "callId" | "context">): FreeCall | undefined {
    const free = callId === undefined ? undefined : this.#free.get(callId);
    if (callId === undefined || context === undefined || free?.context !== context) return undefined;
    this.#free.delete(callId);
    return free;
  }

  /** The plane's request about a call that the application was shown, in this very run. */
  shownIn({ callId, context }: Pick<LocalCall, "callId" | "context">): string | undefined {
    const asked = callId === undefined ? undefined : this.#asked.get(callId);
    return asked?.isShown === true && asked.context === context ? asked.approvalId : undefined;
  }

  approvalIdOf(callId: string): string | undefined {
    return this.#asked.get(callId)?.approvalId;
  }

  /** A refusal is told once: a call that is tried again is decided again. */
  takeRefusal({ callId, context }: Pick<LocalCall, "callId" | "context">): string | undefined {
    const asked = callId === undefined ? undefined : this.#asked.get(callId);
    if (callId === undefined || asked?.refusal === undefined || asked.context !== context) return undefined;
    this.#asked.delete(callId);
    return asked.refusal;
  }
}

function remember<Value>(calls: Map<string, Value>, key: string, value: Value): void {
  calls.delete(key);
  calls.set(key, value);
  if (calls.size <= MAX_CALLS) return;
  const [oldest] = calls.keys();
  if (oldest !== undefined) calls.delete(oldest);
}

/** The memories of governed agents. */
export const memories = new WeakMap<object, CallMemory>();

/**
 * The plane's id of the approval that an interruption waits for: `plane.approvals.get(id)` tells what is asked, and an
 * operator may answer there instead.
 * @param item One of a run's `interruptions`.
 * @param state The state of that run. Where it is left out and several runs of the agent wait with calls of the same id, as
 *   models that number their calls make them, nobody can tell which is meant.
 * @returns Undefined for that, and for a call that waits for the tool's own approval alone.
 */
export function approvalIdOf(item: RunToolApprovalItem, state?: object): string | undefined {
  const { agent, rawItem } = item;
  const callId = "callId" in rawItem ? rawItem.callId : rawItem.id;
  if (callId === undefined) return undefined;
  // An agent inside a tool has turns of its own.
  const isOfState = state !== undefined && Reflect.get(state, "_currentAgent") === agent;
  return memories.get(agent)?.askedNatively(callId, isOfState ? turnOfState(state) : undefined);
}
