import { AgentplaneError } from "../base/errors.ts";

/** Why records could not be written, in a word: what the system calls it. */
export function failureCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
}

/** What is told to those who wait for records that could not be written. */
export function commitFailure(directory: string, cause: unknown): AgentplaneError {
  const code = failureCode(cause);
  const advice = "make room or restore access, writing goes on by itself";
  const hint = cause instanceof AgentplaneError ? cause.message : advice;
  const message = `audit records could not be written to ${directory} (${code}); ${hint}`;
  return new AgentplaneError("audit_failed", message, { data: { directory, code }, cause });
}

/** What is told to who comes while the disk does not keep up: memory would fill without end. */
export function tooMuchWaiting(directory: string): AgentplaneError {
  const message = `audit records wait for the disk of ${directory} up to maxWaitingChars; it does not keep up, or hangs`;
  return new AgentplaneError("audit_failed", message, { data: { directory, code: "waiting" } });
}
