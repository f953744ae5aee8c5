import { pickedOf, recordOf, type JsonRecord } from "./json.ts";

/** Where a request says what a model reads: in one member, and in others that few requests have. */
export interface PromptMembers {
  readonly main: string;
  readonly others: readonly string[];
}

/** What a model reads of a request: the main member as it is; where the request says more, an object of all of them. */
export function promptOf(request: JsonRecord, { main, others }: PromptMembers): unknown {
  if (hasMore(request, others)) return pickedOf(request, [main, ...others]);
  return request[main] ?? [];
}

/** The request with another prompt, of the shape that `promptOf` gave. */
export function withPrompt(
  request: JsonRecord,
  { main, others }: PromptMembers,
  prompt: unknown,
): JsonRecord {
  return hasMore(request, others) ? { ...request, ...recordOf(prompt) } : { ...request, [main]: prompt };
}

function hasMore(request: JsonRecord, others: readonly string[]): boolean {
  return others.some((member) => request[member] !== undefined && request[member] !== null);
}
