import type { ServerCommand } from "./server-process.ts";

/** With these a system says that it does not run such a file: Windows no script, and Node.js there no `.cmd` (CVE-2024-27980). */
const NOT_RUN = new Set<unknown>(["ENOENT", "EINVAL"]);

/**
 * Why a server could not be started, and what to write instead.
 * @param platform Where it was tried. Default: here.
 */
export function startProblem(
  { command }: Pick<ServerCommand, "command">,
  error: unknown,
  platform: NodeJS.Platform = process.platform,
): string {
  const said = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const problem = `the server cannot be started: ${said}`;
  if (platform !== "win32" || !NOT_RUN.has(code) || /\.exe$/i.test(command)) return problem;
  // No shell is started unasked: it would read each argument once more.
  return `${problem}; where ${command} is a script, as npx and npm are on Windows, cmd runs it: write cmd /c ${command}`;
}
