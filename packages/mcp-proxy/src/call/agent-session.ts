import type { Admission } from "@agentplane/core";

import { awaitApproval } from "../approval/await-approval.ts";
import type { Frame } from "../frame/frame.ts";
import { tellDecision, traceOf } from "../trace/traced-request.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import { errorDenial } from "./denial.ts";

/**
 * Lets the session begin with its first request, whatever that is: `initialize`, `server/discover`, or any other where the
 * protocol knows no sessions. It is one run of the agent, decided once.
 * @returns What the client gets instead; undefined when the session has begun. One that was refused is decided anew by the
 *   next request.
 */
export function beginSession(connection: Connection, request: Frame): Promise<Frame | undefined> {
  const { lasting } = connection;
  // One after the other: of two first requests, one begins the session.
  const begun = lasting.beginning.then(() =>
    lasting.session === undefined ? decided(connection, request) : undefined,
  );
  // Its own request hears of an error.
  lasting.beginning = begun.catch(() => undefined);
  return begun;
}

async function decided(connection: Connection, request: Frame): Promise<Frame | undefined> {
  const { acting, lasting, options } = connection;
  const context = { hookpoint: "before_agent", ...acting, ...traceOf(connection, request.message) } as const;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const admitted = await options.plane.guard.admit(context);
    tellDecision(admitted.decision);
    if (admitted.status === "admitted") {
      lasting.session = admitted;
      return undefined;
    }
    if (admitted.status === "blocked") return errorDenial(request, admitted);
    // oxlint-disable-next-line no-await-in-loop
    const asked = await awaitApproval(connection, request, admitted);
    if (asked === "answered") continue;
    if (asked === "cancelled") throw new NoAnswer("cancelled by the client", true);
    return asked === "unanswered" ? errorDenial(request, admitted) : asked;
  }
}

/** The session is over: its run is judged, settled and recorded. */
export async function endSession({ lasting, options, log }: SessionParts): Promise<void> {
  const { session } = lasting;
  lasting.session = undefined;
  lasting.end();
  if (session === undefined) return;
  try {
    await options.plane.guard.complete(session, { status: "ran", result: null });
  } catch (error) {
    // Nobody waits for an answer any more: the record says what became of it, or the log.
    log(`the end of the session was not recorded: ${String(error)}`);
  }
}

/** What is needed of a connection to end its session. */
export interface SessionParts {
  readonly lasting: { session: Admission | undefined; end(): void };
  readonly options: Pick<Connection["options"], "plane">;
  readonly log: (line: string) => void;
}
