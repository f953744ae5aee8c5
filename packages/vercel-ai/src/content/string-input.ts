/**
 * The input of a tool call as rules look at it. One that is a single JSON text is put in a list: redaction looks into
 * objects and lists, and would miss what is written there with escapes.
 * @param input JSON, as a provider gives it.
 */
export function shownInput(input: string): string {
  return isBareText(input) ? `[${input}]` : input;
}

/** The input with what rules left of it. */
export function writtenInput(input: string, shown: string): string {
  const isListed = isBareText(input) && shown.startsWith("[") && shown.endsWith("]");
  return isListed ? shown.slice(1, -1) : shown;
}

function isBareText(input: string): boolean {
  return input.trimStart().startsWith('"');
}
