/** The code of an error of the system, such as `ENOENT`; empty for any other. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Whether an error of the system carries this code. */
export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}
