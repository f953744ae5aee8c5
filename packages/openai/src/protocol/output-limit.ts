import type { JsonRecord } from "./json.ts";

/**
 * How many texts a request asks for: several of each prompt, and the best of more. Each may be as long as its output
 * limit says, and each is paid for.
 */
function textCount({ n, best_of: best, prompt }: JsonRecord): number {
  const prompts = Array.isArray(prompt) && prompt.some((one) => typeof one !== "number") ? prompt.length : 1;
  return Math.max(numberOf(n), numberOf(best)) * Math.max(1, prompts);
}

/** Lenient servers, and forms, take a number that is written as a text. */
function numberOf(value: unknown): number {
  const number = Math.ceil(Number(value ?? 1));
  return number > 1 ? number : 1;
}

/** @returns The tokens of all texts, where one may have so many. */
export function wholeLimit(request: JsonRecord, limit: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, limit * textCount(request));
}

/** @returns The tokens of each text, where all may have so many. */
export function limitOfEach(request: JsonRecord, whole: number): number {
  return Math.max(1, Math.floor(whole / textCount(request)));
}
