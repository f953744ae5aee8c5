import { AgentplaneError } from "../base/errors.ts";

/** Why a state file cannot be used, as `data.reason` of the error. */
export type SqliteProblem = "busy" | "full" | "corrupt" | "foreign" | "newer" | "replaced" | "unusable";

/** Primary result codes of SQLite that mean something to an operator: https://www.sqlite.org/rescode.html */
const PROBLEMS: Readonly<Record<number, readonly [reason: SqliteProblem, hint: string]>> = {
  5: ["busy", "another process has been writing to it for too long; raise `timeout`"],
  8: ["unusable", "it cannot be written to; check who owns the file and its directory"],
  10: ["unusable", "the disk does not answer"],
  11: ["corrupt", "it is damaged; restore a copy of it, or move it away to start anew"],
  13: ["full", "the disk is full"],
  14: ["unusable", "it cannot be opened; its directory must exist and be writable"],
  26: ["corrupt", "it is not a SQLite file; give the state a path of its own"],
};

/**
 * A failure of SQLite as an error of ours, with a hint what to do; other errors come back as they are.
 * @param path The state file.
 */
export function sqliteFailure(error: unknown, path: string): unknown {
  if (error instanceof AgentplaneError || !(error instanceof Error)) return error;
  const [reason, hint] = PROBLEMS[primaryCodeOf(error)] ?? ["unusable", error.message];
  return unusableFile(path, reason, hint, error);
}

/** Whether another process was writing. */
export function isBusyFailure(error: unknown): boolean {
  return error instanceof AgentplaneError && error.data["reason"] === ("busy" satisfies SqliteProblem);
}

/** The refusal of a state file. */
export function unusableFile(
  path: string,
  reason: SqliteProblem,
  hint: string,
  cause?: unknown,
): AgentplaneError {
  return new AgentplaneError("state_failed", `the state file ${path} cannot be used: ${hint}`, {
    data: { path, reason },
    cause,
  });
}

/** The low byte of an extended code is the primary one. */
function primaryCodeOf(error: Error): number {
  return "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0;
}
