import { AgentplaneError, type Denied } from "@agentplane/core";

import { capabilitiesOf, isModern, NoAnswer, type Connection } from "../connection/connection.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { idOf } from "../frame/rpc.ts";
import { askByElicitation } from "./elicitation.ts";
import { askByInput } from "./input-required.ts";

/** A denial that a human can lift. */
export type Pending = Extract<Denied, { status: "pending" }>;

/**
 * How asking ended: decide again; nobody answered in time; the client does not wait any more; or what the client must be
 * given, to come back with an answer.
 */
export type Asked = "answered" | "unanswered" | "cancelled" | Frame;

/** Clients give up after a minute without a word. */
const PROGRESS_MS = 10_000;
const DEFAULT_WAIT_MS = 300_000;
/** Requests whose result may ask for input first (2026-07-28, "Multi Round-Trip Requests"). */
const MAY_ASK: ReadonlySet<unknown> = new Set(["tools/call", "prompts/get", "resources/read"]);

/**
 * Asks a human for this call: the client's own user where the client can ask, the options allow it and the policy does not
 * want an operator; else whoever answers in the plane. The plane decides whether it accepts the answer.
 */
export async function awaitApproval(
  connection: Connection,
  request: Frame,
  pending: Pending,
): Promise<Asked> {
  const { approvalWaitMs = DEFAULT_WAIT_MS } = connection.options;
  const id = idOf(request.message);
  const canAsk = canClientAsk(connection, request) && (await mayClientAnswer(connection, pending));
  if (id !== undefined && connection.answering.client.isGivenUp(id)) return "cancelled";
  if (canAsk && isModern(request)) return askByInput(connection, request, pending);
  if (approvalWaitMs === 0 && !canAsk) return "unanswered";
  const stop = new AbortController();
  const cancelled = id === undefined ? undefined : cancellation(connection, id, stop);
  const timer = setTimeout(() => stop.abort(), approvalWaitMs);
  const stopProgress = reportProgress(connection, request);
  // The plane's word counts, whoever gave it: an operator may answer while the client's user is asked.
  if (canAsk)
    askByElicitation(connection, pending, stop.signal).then(
      // Dismissed, the question stays open in the plane; the client is told so, and does not wait in silence.
      (given) => (given === "dismissed" ? stop.abort() : undefined),
      (error: unknown) => connection.log(String(error)),
    );
  try {
    const { status } = await connection.options.plane.approvals.wait(pending.approvalId, stop.signal);
    return status === "approved" ? "answered" : "unanswered";
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_pending") throw error;
    return cancelled?.isCancelled === true ? "cancelled" : "unanswered";
  } finally {
    clearTimeout(timer);
    stopProgress();
    stop.abort();
    cancelled?.end();
  }
}

/** Whether the client can show its user a form. It says so by naming none of its modes, too (2025-11-25, elicitation). */
function canClientAsk(connection: Connection, request: Frame): boolean {
  const { canClientApprove = true } = connection.options;
  const elicitation = recordOf(capabilitiesOf(connection, request)["elicitation"]);
  if (!canClientApprove || elicitation === undefined) return false;
  if (recordOf(elicitation["form"]) === undefined && elicitation["url"] !== undefined) return false;
  return !isModern(request) || MAY_ASK.has(request.message["method"]);
}

/** Whether the plane takes an answer of the client's at all: nobody is asked in vain, and led to believe that it counted. */
async function mayClientAnswer({ options }: Connection, { approvalId }: Pending): Promise<boolean> {
  const { terms } = (await options.plane.approvals.get(approvalId)) ?? {};
  return terms?.by !== "operator" && (terms?.approvers ?? 1) === 1;
}

interface Cancellation {
  readonly isCancelled: boolean;
  end(): void;
}

/**
 * While a human is awaited the server was not asked: a cancel of the client's ends the wait, and neither a server that ends
 * meanwhile nor one that answers unasked does.
 */
function cancellation({ ofServer }: Connection, id: string | number, stop: AbortController): Cancellation {
  const state = {
    isCancelled: false,
    end: (): void => void ofServer.fail(id, new Error("no longer awaited")),
  };
  const watch = (): void => {
    if (stop.signal.aborted) return;
    ofServer.wait(id).then(watch, (error: unknown) => {
      if (!(error instanceof NoAnswer && error.isCancelled)) return watch();
      state.isCancelled = !stop.signal.aborted;
      stop.abort();
    });
  };
  watch();
  return state;
}

function reportProgress(connection: Connection, { message }: Frame): () => void {
  const token = recordOf(recordOf(message["params"])?.["_meta"])?.["progressToken"];
  if (token === undefined) return () => undefined;
  let progress = 0;
  const timer = setInterval(() => {
    const said = { progressToken: token, progress: ++progress, message: "waiting for an approval" };
    connection.tellClient("notifications/progress", said);
  }, PROGRESS_MS);
  return () => clearInterval(timer);
}
