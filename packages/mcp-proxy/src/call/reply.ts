import { AgentplaneError } from "@agentplane/core";

import { underIdOf, type Frame } from "../frame/frame.ts";
import { CODES, errorFrame, idOf, type RpcId } from "../frame/rpc.ts";
import { NoAnswer } from "../connection/connection.ts";
import type { OpenRequests } from "../connection/open-requests.ts";

/** How a request is answered, and where its answer goes. */
export interface Replying {
  readonly act: () => Promise<Frame | undefined>;
  readonly send: (frame: Frame) => void;
  /** Hears that nobody waits for the answer any more. */
  readonly drop?: () => void;
}

/** The most requests that one side may have at once: each holds its message, and each may wait for a person. */
const MAX_AT_ONCE = 1_000;

/**
 * Gives a request its answer. While it is decided its id is taken: of two requests under one id, the answer to the one would
 * be judged by what is known of the other.
 * @param taken What the same side has asked and has no answer to.
 */
export function reply(request: Frame, taken: OpenRequests, { act, send, drop }: Replying): void {
  const id = idOf(request.message);
  if (id === undefined) return;
  if (taken.has(id)) return send(idInUse(id));
  if (taken.size >= MAX_AT_ONCE) return send(errorFrame(id, TOO_MANY));
  taken.open(id);
  const end = (response: Frame | undefined): void => {
    if (taken.close(id) || response === undefined) drop?.();
    else send(underIdOf(request, response));
  };
  act().then(end, (error: unknown) =>
    end(error instanceof NoAnswer && error.isCancelled ? undefined : failure(id, error)),
  );
}

const TOO_MANY = { code: CODES.unavailable, message: "too many requests at once" };

/** What a request gets under an id that is not answered yet. */
export function idInUse(id: RpcId): Frame {
  return errorFrame(id, { code: CODES.invalidRequest, message: "this id is in use" });
}

function failure(id: RpcId, error: unknown): Frame {
  const code = error instanceof NoAnswer ? CODES.unavailable : CODES.internal;
  const isOurs = error instanceof AgentplaneError || error instanceof NoAnswer;
  return errorFrame(id, {
    code,
    message: isOurs ? error.message : "the proxy failed; the call did not go on",
  });
}
