import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { idOf, resultFrame } from "../frame/rpc.ts";
import { traceOf } from "../trace/traced-request.ts";
import { isNoPage, NoPage } from "./asked-address.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import { errorDenial } from "./denial.ts";
import { judgedNotice, type Shown } from "./judged-notice.ts";
import { withheldRequest } from "./request-words.ts";
import { sampling, type Described, type ServerCall } from "./sampling.ts";
import { stopped } from "./stopped.ts";
import { governedCall } from "./governed-call.ts";
import { judgedAnswer, judgedInSession, withheldAnswer } from "../judge/judged-answer.ts";

/**
 * A request of the server's to the client: its model, or its user. A server that asks for what it must not have is
 * answered as a client would refuse.
 * @param isThere Whether the server that asks is still there, once it was decided.
 * @returns What the server gets; undefined when it does not wait any more.
 */
export async function serverRequest(
  connection: Connection,
  request: Frame,
  isThere: () => boolean,
): Promise<Frame | undefined> {
  const method = textOf(request.message["method"]) ?? "";
  // Of these rules see all that is said when they decide; of others nobody has seen it yet.
  const frame = DECIDED_WHOLE.has(method) ? request : await judgedWords(connection, request);
  if (frame === undefined) return withheldRequest(request);
  const described = describeServerRequest(connection, frame, method);
  if (described === undefined) return otherRequest(connection, frame, isThere);
  const id = idOf(frame.message) ?? "";
  const isRefused = method === "elicitation/create" && isNoPage(recordOf(frame.message["params"]) ?? {});
  const answer = await governedCall(connection, {
    frame,
    context: described.context,
    running: connection.runningAtClient,
    async ask(admitted) {
      requireServer(isThere);
      // Whatever rules say of asking, nobody is sent there; that the server wanted it stands in the record.
      if (isRefused) throw new NoPage();
      const given = await connection.askClient(admitted);
      // Also where rules withhold that answer: the client works on the task, and lists it.
      connection.lasting.clientTasks.remember(described.context, { request: frame, answer: given });
      return given;
    },
    cancel: () => connection.tellClient("notifications/cancelled", { requestId: id, reason: "stopped" }),
    changes: described.changes,
  });
  if (answer === undefined) return undefined;
  if (isRefused) {
    const why = new NoPage().message;
    connection.log(`the ${method} ${JSON.stringify(id)} of the server's was declined: ${why}`);
    return resultFrame(id, { action: "decline", _meta: { "agentplane/reason": why } });
  }
  if (!("status" in answer)) return answer;
  return method === "elicitation/create"
    ? resultFrame(id, { action: "decline" })
    : errorDenial(frame, answer);
}

const DECIDED_WHOLE = new Set(["sampling/createMessage", "elicitation/create"]);

function judgedWords(connection: Connection, frame: Frame): Shown | Promise<Shown> {
  const { running, lasting } = connection;
  return judgedNotice(connection, frame, { name: "server", running, tasks: lasting.clientTasks });
}

/** @throws NoAnswer where the server has ended while rules were thinking: nobody must be asked in its name any more. */
function requireServer(isThere: () => boolean): void {
  if (!isThere()) throw new NoAnswer("the server is gone", true);
}

/** A request that no rule is about. What a model or a person gives by way of a task is still theirs, however it is fetched. */
async function otherRequest(
  connection: Connection,
  frame: Frame,
  isThere: () => boolean,
): Promise<Frame | undefined> {
  const stop = frame.message["method"] === "ping" ? undefined : await stopped(connection, frame);
  if (stop !== undefined) return stop;
  requireServer(isThere);
  const answer = await connection.askClient(frame);
  const calls = connection.lasting.clientTasks.callsOf(recordOf(frame.message["params"])?.["taskId"]);
  if (calls === "forgotten") return withheldAnswer(answer);
  const [call] = calls;
  return call === undefined ? judgedInSession(connection, answer) : judgedAnswer(connection, call, answer);
}

/** @returns Undefined for a request that no rule is about. */
export function describeServerRequest(
  connection: Connection,
  { message }: Pick<Frame, "message">,
  method: string,
): Described | undefined {
  const params = recordOf(message["params"]) ?? {};
  const id = idOf(message);
  const call = {
    ...(id !== undefined && { callId: `server:${connection.callIdOf(id)}` }),
    ...traceOf(connection, message),
  };
  if (method === "sampling/createMessage") return sampling(connection, params, call);
  if (method === "roots/list") return roots(connection, call);
  if (method !== "elicitation/create") return undefined;
  return {
    context: {
      hookpoint: "before_elicitation",
      ...connection.acting,
      ...call,
      target: { name: connection.options.server, server: connection.options.server, input: params },
    },
    changes: ({ isInputChanged, input }) => (isInputChanged ? [{ path: ["params"], value: input }] : []),
  };
}

/** The server asks where the client works: as if it read that. */
function roots({ acting, options }: Connection, call: ServerCall): Described {
  const target = { name: "roots/list", server: options.server };
  return {
    context: { hookpoint: "before_resource_read", ...acting, ...call, target },
    changes: () => [],
  };
}
