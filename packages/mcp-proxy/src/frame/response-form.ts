import { without, type Frame } from "./frame.ts";
import { recordOf } from "./json.ts";
import { CODES, errorFrame, type RpcId } from "./rpc.ts";

/** The members of an error; rules see its message and its data. */
const ERROR_MEMBERS: ReadonlySet<string> = new Set(["code", "message", "data"]);

/**
 * A response as everybody reads it alike: with a result or with an error, in the form of one. What is neither is
 * answered with an error in its place, for its words would pass unjudged: rules look where words belong.
 */
export function inItsForm(response: Frame, id: RpcId): Frame {
  const { result, error } = response.message;
  if (error === undefined || error === null) {
    if (typeof result === "string" || Array.isArray(result) || result === undefined) return malformed(id);
    return error === null ? without(response, [], ["error"]) : response;
  }
  const failure = recordOf(error);
  if (result !== undefined && result !== null) return malformed(id);
  if (typeof failure?.["code"] !== "number" || typeof failure["message"] !== "string") return malformed(id);
  const more = Object.keys(failure).filter((name) => !ERROR_MEMBERS.has(name));
  const whole = more.length === 0 ? response : without(response, ["error"], more);
  return result === null ? without(whole, [], ["result"]) : whole;
}

function malformed(id: RpcId): Frame {
  return errorFrame(id, {
    code: CODES.internal,
    message: "the answer is none of JSON-RPC and was not passed on",
  });
}
