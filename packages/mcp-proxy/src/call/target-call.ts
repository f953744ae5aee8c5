import type { GuardInit } from "@agentplane/core";

import { awaitApproval } from "../approval/await-approval.ts";
import type { Change, Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { traceOf } from "../trace/traced-request.ts";
import { isModern, type Connection } from "../connection/connection.ts";
import { errorDenial } from "./denial.ts";
import { governedCall } from "./governed-call.ts";
import { governInputRequests } from "./input-requests.ts";
import { LONGEST_NAME, promptName, resourceName } from "../judge/target-name.ts";
import { judgedOfTask } from "./task-calls.ts";
import { taskName } from "./task-list.ts";

/** How a request names what it aims at. */
interface TargetKind {
  readonly hookpoint: "before_resource_read" | "before_prompt_get";
  readonly nameOf: (params: JsonRecord) => string | undefined;
  /** The member of `params` that is what the target gets, if there is one. */
  readonly input?: "arguments" | "argument";
}

/** Requests that read a resource, get a prompt, or ask for what could be written into one. */
const TARGETS: Readonly<Record<string, TargetKind | undefined>> = {
  "resources/read": { hookpoint: "before_resource_read", nameOf: ({ uri }) => textOf(uri) },
  "resources/subscribe": { hookpoint: "before_resource_read", nameOf: ({ uri }) => textOf(uri) },
  // What a call that went on as a task gives in the end, or says meanwhile.
  "tasks/result": { hookpoint: "before_resource_read", nameOf: ({ taskId }) => nameOfTask(taskId) },
  "tasks/get": { hookpoint: "before_resource_read", nameOf: ({ taskId }) => nameOfTask(taskId) },
  // Ending it, or going on with it: whoever may not read it may do neither.
  "tasks/cancel": { hookpoint: "before_resource_read", nameOf: ({ taskId }) => nameOfTask(taskId) },
  "tasks/update": { hookpoint: "before_resource_read", nameOf: ({ taskId }) => nameOfTask(taskId) },
  "prompts/get": { hookpoint: "before_prompt_get", nameOf: ({ name }) => textOf(name), input: "arguments" },
};

/** What a completion is of: the type of its reference says which of its names counts. */
const COMPLETIONS: Readonly<Record<string, TargetKind | undefined>> = {
  "ref/prompt": {
    hookpoint: "before_prompt_get",
    nameOf: ({ ref }) => textOf(recordOf(ref)?.["name"]),
    input: "argument",
  },
  "ref/resource": {
    hookpoint: "before_resource_read",
    nameOf: ({ ref }) => textOf(recordOf(ref)?.["uri"]),
    input: "argument",
  },
};
const COMPLETE = "completion/complete";

function nameOfTask(id: unknown): string | undefined {
  return typeof id === "string" ? taskName(id) : undefined;
}

/** They are named by what the server calls them, not by a URI. */
function isOfTask(method: string): boolean {
  return method.startsWith("tasks/");
}

/** Whether a method aims at a resource or prompt. */
export function isTargeted(method: string): boolean {
  return method === COMPLETE || Object.hasOwn(TARGETS, method);
}

function kindOf(method: string, { ref }: JsonRecord): TargetKind | undefined {
  if (method !== COMPLETE) return TARGETS[method];
  const type = textOf(recordOf(ref)?.["type"]) ?? "";
  return Object.hasOwn(COMPLETIONS, type) ? COMPLETIONS[type] : undefined;
}

/** The modern era has no such method: where nothing is named at all, the server may say so with its own status. */
function isOfOtherEra(frame: Frame, method: string, params: JsonRecord): boolean {
  return method === "resources/subscribe" && isModern(frame) && !Object.hasOwn(params, "uri");
}

/** Whether what a completion depends on can be told from what is completed, once rules have seen both. */
function isReadable({ argument, context }: JsonRecord): boolean {
  if (context === undefined) return true;
  const own = recordOf(argument);
  return recordOf(context) !== undefined && own !== undefined && !Object.hasOwn(own, "context");
}

/** What the target gets, as rules see it: a completion also the values that were chosen before. */
function inputOf(member: "arguments" | "argument", params: JsonRecord): unknown {
  const { [member]: given, context } = params;
  // Left out and null are the same to a server: what rules require of the values is asked of both.
  const own = given ?? {};
  return member === "arguments" || context === undefined ? own : { ...recordOf(own), context };
}

function changedInput(
  member: "arguments" | "argument",
  { params, input }: { readonly params: JsonRecord; readonly input: unknown },
): readonly Change[] {
  if (member === "arguments" || params["context"] === undefined)
    return [{ path: ["params", member], value: input }];
  const { context, ...argument } = recordOf(input) ?? {};
  return Object.entries({ argument, context })
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(params[name]))
    .map(([name, value]) => ({ path: ["params", name], value }));
}

/** A request for a resource or prompt under the plane. */
export async function targetCall(
  connection: Connection,
  frame: Frame,
  method: string,
): Promise<Frame | undefined> {
  const id = idOf(frame.message);
  const params = recordOf(frame.message["params"]) ?? {};
  const kind = kindOf(method, params);
  const given = kind?.nameOf(params) ?? (isOfOtherEra(frame, method, params) ? "unnamed" : undefined);
  // A careless server would make a name of anything: rules would have seen none.
  if (kind === undefined || given === undefined || given.length > LONGEST_NAME || !isReadable(params)) {
    const message = `${method} does not name what it aims at and with which values, or by more than ${LONGEST_NAME} characters`;
    return errorFrame(id ?? null, { code: CODES.invalidParams, message });
  }
  const isUri = kind.hookpoint === "before_resource_read" && !isOfTask(method);
  const name = isUri ? await resourceName(connection, given) : given;
  const context: GuardInit = {
    hookpoint: kind.hookpoint,
    ...connection.acting,
    ...traceOf(connection, frame.message),
    ...(id !== undefined && { callId: connection.callIdOf(id) }),
    target: {
      name: kind.hookpoint === "before_prompt_get" ? await promptName(connection, name) : name,
      server: connection.options.server,
      ...(kind.input !== undefined && { input: inputOf(kind.input, params) }),
    },
  };
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const answer = await governedCall(connection, {
      frame,
      context,
      running: connection.running,
      ask: (admitted) => connection.askServer(admitted),
      cancel: () => connection.tellServer("notifications/cancelled", { requestId: id, reason: "stopped" }),
      changes: ({ isInputChanged, input }) =>
        isInputChanged && kind.input !== undefined ? changedInput(kind.input, { params, input }) : [],
    });
    if (answer === undefined) return undefined;
    if (!("status" in answer)) {
      // oxlint-disable-next-line no-await-in-loop -- the last turn
      const asked = await governInputRequests(connection, answer);
      if ("status" in asked) return errorDenial(frame, asked);
      return isOfTask(method)
        ? judgedOfTask(connection, { id: params["taskId"], request: frame, answer: asked })
        : asked;
    }
    if (answer.status === "blocked") return errorDenial(frame, answer);
    // oxlint-disable-next-line no-await-in-loop
    const asked = await awaitApproval(connection, frame, answer);
    if (asked === "answered") continue;
    if (asked === "cancelled") return undefined;
    return asked === "unanswered" ? errorDenial(frame, answer) : asked;
  }
}
