import { AgentplaneError } from "@agentplane/core";

/** What a failed statement says about what it did. */
export type FailureKind =
  /** Nothing was done, and the same again may succeed: a deadlock, a serialization failure, a server that was demoted. */
  | "again"
  /** Nothing was done: the server was not reached or refused the statement. */
  | "refused"
  /** Sent, and no answer came: it may have been done. */
  | "unknown";

/** A failure of the server or of the way to it, as `state_failed`. */
export class ServerFailure extends AgentplaneError {
  readonly kind: FailureKind;
  /** The server's SQLSTATE or the system's code; undefined where there is none. */
  readonly reason: string | undefined;

  constructor(message: string, options: { kind: FailureKind; reason?: string | undefined; cause?: unknown }) {
    super("state_failed", message, { data: { reason: options.reason }, cause: options.cause });
    this.kind = options.kind;
    this.reason = options.reason;
  }

  /** Whether the connection is of no use any more: it may answer into the next statement, or leads to a standby. */
  get isOfConnection(): boolean {
    return this.kind === "unknown" || this.reason === READ_ONLY;
  }
}

/** The reason of a failure by our own deadline. */
export const TIMED_OUT = "timeout";

/** The classes of SQLSTATEs that say what was asked for cannot be: a wrong value, one that is too big. */
const DATA_ERROR = /^(22|54)/;

/** Whether a statement failed by what it said: one that says something else beside it must not fail with it. */
export function isDataError({ reason }: ServerFailure): boolean {
  return reason !== undefined && reason.length === 5 && DATA_ERROR.test(reason);
}

/** What a server answers to a write that was demoted in a failover. */
const READ_ONLY = "25006";
const AGAIN = new Set(["40001", "40P01", READ_ONLY]);
const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * Names what went wrong with a statement that was sent.
 * @param error From the driver; its detail may hold values of a row and stays out of the message.
 */
export function explainFailure(error: unknown): ServerFailure {
  if (error instanceof ServerFailure) return error;
  const reason = codeOf(error);
  const message = `PostgreSQL: ${error instanceof Error ? error.message : "not an error"}`;
  // Class 57P: the server ended the session; whether a commit came before that is not known. Class 08: the connection.
  const isAnswer = reason !== undefined && SQLSTATE.test(reason) && !/^(57P|08)/.test(reason);
  if (!isAnswer) return new ServerFailure(message, { kind: "unknown", reason, cause: error });
  return new ServerFailure(message, { kind: AGAIN.has(reason) ? "again" : "refused", reason, cause: error });
}

/** Names why there is no connection: nothing was sent. */
export function explainRefusal(error: unknown): ServerFailure {
  if (error instanceof ServerFailure) return error;
  const text = error instanceof Error ? error.message || codeOf(error) : "not an error";
  const message = `PostgreSQL cannot be reached (${text}); it is tried again with the next call`;
  return new ServerFailure(message, { kind: "refused", reason: codeOf(error), cause: error });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
