import { AgentplaneError, type Admission, type GuardInit } from "@agentplane/core";

import type { ActingIdentity } from "../call/identity.ts";
import type { NativeRequest } from "../http/native-request.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { describeProposed } from "./proposed-calls.ts";
import type { Dialect, ProposedCall, RemoteAnswer } from "../protocol/dialect.ts";
import { parseJson } from "../protocol/json.ts";
import type { Refusal } from "../call/refusal.ts";

// A call on a remote MCP server runs at the provider as soon as a request says yes to it: nothing can stop it after that.
// So each yes is decided like a call of a tool, once, for the very call that the server asked for.

/** How many calls that servers asked for are remembered, for all clients of a plane. */
const MAX_CALLS = 1_000;

/** A call as its server asked for it, and as the client read of it where rules replaced some. */
interface SeenCall {
  readonly asked?: ProposedCall;
  readonly shown?: ProposedCall;
  /** A provider has answered the request that said yes to it. */
  readonly isSent?: true;
}

/** What servers asked for, by who reads it. */
const seen = new WeakMap<GovernedPlane["guard"], Map<string, SeenCall>>();

/**
 * Remembers the calls that an answer asks for: where the provider keeps the conversation, nothing says them again.
 * @param as As the server `asked`; as the client reads it, where rules replaced some of it: `shown`.
 */
export function noteRemoteCalls(
  plane: GovernedPlane,
  identity: ActingIdentity,
  { calls, as }: { readonly calls: readonly ProposedCall[]; readonly as: "asked" | "shown" },
): void {
  for (const call of calls) {
    if (call.id !== undefined) remember(plane, keyOf(plane, identity, call.id), { [as]: call });
  }
}

function remember({ guard }: GovernedPlane, key: string, more: SeenCall): void {
  const known = seen.get(guard) ?? new Map<string, SeenCall>();
  seen.set(guard, known);
  const before = known.get(key);
  known.delete(key);
  known.set(key, { ...before, ...more });
  const [oldest] = known.keys();
  if (known.size > MAX_CALLS && oldest !== undefined) known.delete(oldest);
}

/** A call that a request makes a provider run, as its server asked for it, and described. */
export interface RemoteCall {
  readonly call: ProposedCall;
  readonly context: GuardInit;
  /** What it is remembered by. */
  readonly key: string;
}

/** The calls that a request makes a provider run, also those that have run; or why it must not be sent. */
export type RemoteCalls =
  | {
      readonly calls: readonly RemoteCall[];
      readonly known: readonly ProposedCall[];
      readonly refusal?: undefined;
    }
  | { readonly refusal: Refusal };

/**
 * Finds the call behind each yes of a request, and asks about it. One that has run, which a client says again because it
 * keeps the history itself, is no call.
 */
export async function askedRemoteCalls(
  plane: GovernedPlane,
  identity: ActingIdentity,
  answers: readonly RemoteAnswer[],
): Promise<RemoteCalls> {
  const calls: RemoteCall[] = [];
  const known: ProposedCall[] = [];
  for (const answer of answers) {
    const found = callOf(plane, identity, answer);
    if ("message" in found) return { refusal: found };
    known.push(found);
    const key = keyOf(plane, identity, answer.id ?? "");
    // What a provider was told to run is over: it is said again, and nothing comes of it.
    if (answer.isHistory && seen.get(plane.guard)?.get(key)?.isSent === true) continue;
    const context = describeProposed(identity, found);
    // oxlint-disable-next-line no-await-in-loop -- in order, and none after the first that is refused
    const asked = await plane.guard.ask(context);
    const isHistory = asked.cause === "already_executed" && answer.isHistory;
    // That it has run the request alone says: it may run now, so nothing may be against it now.
    // oxlint-disable-next-line no-await-in-loop
    const { effect, message, id, approvalId } = isHistory ? await plane.guard.peek(context) : asked;
    if (isHistory && effect !== "block") continue;
    if (effect !== "allow") {
      return {
        refusal: {
          message: `The request was refused: it approves "${found.name}". ${message}`,
          decisionId: id,
          ...(approvalId !== undefined && { approvalId }),
        },
      };
    }
    calls.push({ call: found, context, key });
  }
  return { calls, known };
}

/**
 * A request that makes a provider run calls: as it is sent each is admitted, which uses its approval up. From then on it
 * may have run, whatever comes back; only an answer that says that nothing was done gives it back.
 * @returns The request; to send it throws the PolicyError of the first call that may not run any more.
 */
export function withRemoteCalls(
  plane: GovernedPlane,
  native: NativeRequest,
  { calls, dialect }: { readonly calls: readonly RemoteCall[]; readonly dialect: Dialect },
): NativeRequest {
  const { guard } = plane;
  const send: NativeRequest["send"] = async (changes) => {
    const admitted: Admission[] = [];
    let hasRun = false;
    // A server's call may take longer than a hold lasts; its end is reported below, whatever happens.
    const untilEnded = new Promise<never>(() => undefined);
    refuseRewritten(dialect.remoteAnswers?.(changes.json ?? {}) ?? [], calls);
    try {
      for (const { context } of calls) {
        // oxlint-disable-next-line no-await-in-loop -- in order, and none after the first that is refused
        const admission = await guard.admit(context);
        if (admission.status !== "admitted") throw admission.error;
        admitted.push(admission);
        refuseChanged(admission);
        guard.renew(admission, untilEnded);
      }
      hasRun = true;
      const response = await native.send(changes);
      hasRun = !isUndone(response);
      if (response.ok) for (const { key } of calls) remember(plane, key, { isSent: true });
      return response;
    } finally {
      // oxlint-disable-next-line no-await-in-loop -- in order
      for (const admission of admitted) await ended(guard, admission, hasRun);
    }
  };
  return { ...native, send };
}

/** Reports the end of a call. Where somebody has reported one before, the provider's answer is not lost for that. */
async function ended(guard: GovernedPlane["guard"], admission: Admission, hasRun: boolean): Promise<void> {
  try {
    await (hasRun ? guard.complete(admission, { status: "ran", result: null }) : guard.release(admission));
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "usage_invalid") throw error;
  }
}

/**
 * A yes can be sent or not, but it cannot change what the server runs.
 * @throws AgentplaneError `content_refused` for a call that policies let run with other arguments alone
 */
export function refuseChanged({ isInputChanged }: Pick<Admission, "isInputChanged">): void {
  if (!isInputChanged) return;
  throw new AgentplaneError(
    "content_refused",
    "A policy lets this call run with other arguments alone, and a call of a remote MCP server cannot be given any.",
  );
}

/**
 * What rules make of a prompt is sent, and so is what it says of a call: another one would run than was decided.
 * @throws AgentplaneError `content_refused`
 */
function refuseRewritten(sent: readonly RemoteAnswer[], calls: readonly RemoteCall[]): void {
  for (const { id, listed } of sent) {
    const decided = calls.find(({ call }) => call.id === id)?.call;
    if (decided === undefined || listed.every((one) => isSame(one, decided))) continue;
    throw new AgentplaneError(
      "content_refused",
      `The request was refused: it approves "${decided.name}" of a remote MCP server, and a policy rewrites the prompt, ` +
        "with the arguments of that call: another call would run than was decided.",
    );
  }
}

/** Refused as it was, or for now: nothing of it was done. A timeout or a conflict does not say so. */
function isUndone({ status }: Response): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409;
}

function callOf(
  plane: GovernedPlane,
  identity: ActingIdentity,
  { id, listed, isKeptElsewhere }: RemoteAnswer,
): ProposedCall | Refusal {
  if (id === undefined)
    return refused("it approves a call of a remote MCP server without its approval_request_id.");
  const { asked, shown } = seen.get(plane.guard)?.get(keyOf(plane, identity, id)) ?? {};
  const call = asked ?? (isKeptElsewhere ? undefined : listed[0]);
  if (call === undefined) {
    return refused(
      `it approves the call "${id}" of a remote MCP server, which this plane has not seen. Read the answer that asks for ` +
        `it through the governed client, such as with responses.retrieve(), or list the mcp_approval_request in the ` +
        `input of a request without previous_response_id and conversation.`,
    );
  }
  // A client says of it what it has read.
  if (listed.every((one) => isSame(one, call) || (shown !== undefined && isSame(one, shown)))) return call;
  return refused(
    `it approves the call "${id}" of a remote MCP server, but says of it another name, server or arguments than the ` +
      `server asked for. Send the mcp_approval_request as it came.`,
  );
}

function refused(why: string): Refusal {
  return { message: `The request was refused: ${why}` };
}

function isSame(one: ProposedCall, other: ProposedCall): boolean {
  return (
    one.name === other.name &&
    one.server === other.server &&
    JSON.stringify(parseJson(one.input) ?? one.input) ===
      JSON.stringify(parseJson(other.input) ?? other.input)
  );
}

/** Who acts may follow from where it runs: what one tenant was asked is nothing that another may approve. */
function keyOf({ guard }: GovernedPlane, identity: ActingIdentity, id: string): string {
  const { agent, tenant, user, session } = guard.context({ hookpoint: "before_agent", ...identity });
  return JSON.stringify([agent.id, tenant ?? null, user ?? null, session ?? null, id]);
}
