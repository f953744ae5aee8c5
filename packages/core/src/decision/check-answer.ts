import { isJsonObject } from "../base/json.ts";
import { isWritablePath } from "../context/path.ts";
import type { Answer, RuleAnswer } from "./answer.ts";
import { REDACT_SURFACES, REDACT_TREATMENTS } from "./obligation.ts";

const ANSWERS: readonly Answer["answer"][] = ["allow", "escalate", "degrade", "block"];

/**
 * Tells whether what a custom rule gave is an answer. Anything else would silently count as "no opinion", so that a
 * misspelt `answer` would allow what it meant to block.
 * @param given Whatever the rule returned, `undefined` aside.
 */
export function isRuleAnswer(given: unknown): given is RuleAnswer {
  if (!isJsonObject(given)) return false;
  const { answer, obligations, ...unknown } = given;
  if (Object.keys(unknown).length > 0 || (answer === undefined && obligations === undefined)) return false;
  return (
    (answer === undefined || isAnswer(answer)) && (obligations === undefined || isObligationList(obligations))
  );
}

function isAnswer(given: unknown): boolean {
  if (!isJsonObject(given) || !isOneOf(given["answer"], ANSWERS) || typeof given["reason"] !== "string")
    return false;
  const { message, retryAfterMs, degrade } = given;
  return (
    (message === undefined || typeof message === "string") &&
    (retryAfterMs === undefined || (typeof retryAfterMs === "number" && retryAfterMs >= 0)) &&
    (given["answer"] !== "degrade" || isJsonObject(degrade))
  );
}

function isObligationList(given: unknown): boolean {
  return Array.isArray(given) && given.every(isObligation);
}

function isObligation(given: unknown): boolean {
  if (!isJsonObject(given)) return false;
  switch (given["kind"]) {
    case "redact":
      return (
        isListOf(given["from"], (from) => isOneOf(from, REDACT_SURFACES)) &&
        isListOf(given["fields"], (field) => typeof field === "string") &&
        isListOf(given["detect"], (detector) => typeof detector === "string") &&
        isOneOf(given["treatment"], REDACT_TREATMENTS)
      );
    case "rewrite":
      return (
        typeof given["path"] === "string" && isWritablePath(given["path"]) && given["value"] !== undefined
      );
    case "clampOutput":
      return Number.isSafeInteger(given["maxOutputTokens"]) && Number(given["maxOutputTokens"]) >= 0;
    default:
      return false;
  }
}

function isListOf(given: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(given) && given.every(test);
}

function isOneOf(given: unknown, known: readonly string[]): boolean {
  return typeof given === "string" && known.includes(given);
}
