import { ConfigError, type ConfigIssue } from "../base/errors.ts";
import { parsePolicyText } from "./policy-file.ts";
import { parseUniqueJson } from "./unique-json.ts";

/** What a policy file says, in the form that can be taken over from a worker and loaded in slices with the least work. */
export type ReadPolicyText =
  /** JSON text: of the file itself, or of what its YAML says. */
  | { readonly kind: "json"; readonly text: string }
  /** Data that JSON cannot carry, such as `.nan`: whoever loads it says what is wrong with it. */
  | { readonly kind: "data"; readonly data: unknown };

/** What a worker tells: that it runs, then what it read, or why not. */
export type PolicyTextMessage =
  | { readonly kind: "started" }
  | ReadPolicyText
  | { readonly kind: "refused"; readonly source: string; readonly issues: readonly ConfigIssue[] };

/**
 * Reads the text of a policy file, at once.
 * @param path Names the file in errors.
 * @throws ConfigError naming every syntax error with line and column
 */
export function readPolicyText(text: string, path: string): ReadPolicyText {
  if (parseUniqueJson(text) !== undefined) return { kind: "json", text };
  const data = parsePolicyText(text, path);
  try {
    return { kind: "json", text: JSON.stringify(data, refuseLoss) };
  } catch {
    return { kind: "data", data };
  }
}

/** `JSON.stringify` writes null for what it does not know; circles it refuses by itself. */
function refuseLoss(_name: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError("JSON has no such number");
  return value;
}

/** The same as a message. */
export function policyTextMessage(text: string, path: string): PolicyTextMessage {
  try {
    return readPolicyText(text, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { kind: "refused", source: `file:${path}`, issues: error.issues };
  }
}
