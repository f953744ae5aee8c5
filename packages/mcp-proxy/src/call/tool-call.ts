import type { Denied, GuardInit } from "@agentplane/core";

import { awaitApproval } from "../approval/await-approval.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import type { Connection } from "../connection/connection.ts";
import { toolDenial } from "./denial.ts";
import { governedCall } from "./governed-call.ts";
import { governInputRequests } from "./input-requests.ts";
import { rememberTask } from "./task-calls.ts";
import { traceOf } from "../trace/traced-request.ts";
import { unknownToolAnswer } from "./unknown-tool.ts";

/**
 * A `tools/call` under the plane, with as many questions to a human as the plane finds are needed.
 * @returns What the client gets; undefined when it does not wait any more.
 */
export async function toolCall(connection: Connection, frame: Frame): Promise<Frame | undefined> {
  const name = textOf(recordOf(frame.message["params"])?.["name"]);
  const id = idOf(frame.message) ?? null;
  if (name === undefined)
    return errorFrame(id, { code: CODES.invalidParams, message: "a tool call names its tool" });
  const described = describeToolCall(connection, frame, name);
  const readings = connection.lasting.toolNames.readingsOf(name);
  const context = readings.length === 0 ? described : await asRead(connection, described, readings);
  let isSent = false;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const answer = await governedCall(connection, {
      frame,
      context,
      running: connection.running,
      async ask(admitted) {
        isSent = true;
        const given = await connection.askServer(admitted);
        // Also where rules withhold that answer: the server works on the task, and lists it.
        rememberTask(connection, context, { request: frame, answer: given });
        return given;
      },
      cancel: () => connection.tellServer("notifications/cancelled", { requestId: id, reason: "stopped" }),
      changes: ({ isInputChanged, input }) =>
        isInputChanged ? [{ path: ["params", "arguments"], value: input }] : [],
    });
    if (answer === undefined) return undefined;
    if (!("status" in answer)) return questionsDecided(connection, frame, answer);
    // A tool that may not be seen must not be told from one that does not exist.
    // oxlint-disable-next-line no-await-in-loop
    if (!isSent && (await isHidden(connection, context, answer)))
      return unknownToolAnswer(connection, frame, name).then((told) =>
        questionsDecided(connection, frame, told),
      );
    if (answer.status === "blocked") return toolDenial(connection, frame, answer);
    // oxlint-disable-next-line no-await-in-loop
    const asked = await awaitApproval(connection, frame, answer);
    if (asked === "answered") continue;
    if (asked === "cancelled") return undefined;
    return asked === "unanswered" ? toolDenial(connection, frame, answer) : asked;
  }
}

/** What the server asks within the answer is decided like a request of its own. */
function questionsDecided(connection: Connection, request: Frame, response: Frame): Frame | Promise<Frame> {
  const deciding = governInputRequests(connection, response);
  if (!(deciding instanceof Promise)) return deciding;
  return deciding.then((asked) => ("status" in asked ? toolDenial(connection, request, asked) : asked));
}

interface ToolCall extends GuardInit {
  readonly tool: Exclude<GuardInit["tool"], string | undefined>;
}

/** Whether the tool is refused whatever its input. */
async function isHidden(connection: Connection, context: ToolCall, { status }: Denied): Promise<boolean> {
  return status === "blocked" && isForbidden(connection, context);
}

async function isForbidden({ acting, options }: Connection, { tool }: ToolCall): Promise<boolean> {
  const { input: _input, ...named } = tool;
  const preview = { hookpoint: "before_tool_call", ...acting, tool: named } as const;
  return (await options.plane.guard.peek(preview)).effect === "block";
}

/**
 * The call as one of the tool that the server may take it for: what is forbidden under that name is so under this one.
 * Where more than one is possible, one that is forbidden counts. What allows the other name allows nothing here.
 */
async function asRead(
  connection: Connection,
  described: ToolCall,
  readings: readonly string[],
): Promise<ToolCall> {
  const { tool } = described;
  if (await isForbidden(connection, described)) return described;
  const all = readings.map((originalName) => ({ ...described, tool: { ...tool, originalName } }));
  for (const one of all) {
    // oxlint-disable-next-line no-await-in-loop -- the first that is forbidden ends it
    if (await isForbidden(connection, one)) return one;
  }
  return all[0] ?? described;
}

/** What a tool call is, in the plane's words. */
function describeToolCall(connection: Connection, { message }: Frame, name: string): ToolCall {
  const { acting, options } = connection;
  const id = idOf(message);
  const params = recordOf(message["params"]) ?? {};
  return {
    hookpoint: "before_tool_call",
    ...acting,
    ...traceOf(connection, message),
    ...(id !== undefined && { callId: connection.callIdOf(id) }),
    tool: { name, server: options.server, input: params["arguments"] ?? {} },
  };
}
