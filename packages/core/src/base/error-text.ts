/** What a thrown error says, for a log. Of anything else that was thrown nothing is repeated: it may be content. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : "an unknown error";
}
