import { ConfigError } from "../../src/base/errors.ts";
import { HOOKPOINTS } from "../../src/context/hookpoint.ts";
import { parsePolicies, type ParsedDocument, type ParseOptions } from "../../src/load/parse.ts";
import { FAKE_KINDS, registryOf } from "./fake-kinds.ts";

/** How the tests of this folder read: the small kinds, one custom hookpoint. */
export const options: ParseOptions = {
  source: "file:policy.yaml",
  registry: registryOf(FAKE_KINDS),
  hookpoints: [...HOOKPOINTS, "checkout"],
};

/** Reads a document. */
export function load(document: unknown): ParsedDocument {
  return parsePolicies(document, options);
}

/** A document with one policy, plus or minus what a case is about. */
export function withPolicy(policy: object, document: object = {}): unknown {
  return { apiVersion: "agentplane/v1", policies: [{ id: "p", ...policy }], ...document };
}

/** The issues of a refusal, as `path: message — suggestion`. */
export function issuesOf(document: unknown): readonly string[] {
  try {
    load(document);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.issues.map(
        ({ path, message, suggestion }) => `${path}: ${message}${suggestion ? ` — ${suggestion}` : ""}`,
      );
    }
    throw error;
  }
  return [];
}

/** A good rule. */
export const rate = { rule: "rate", limit: 1, window: "1m" };
/** A good level of a ladder. */
export const step = { trigger: "rate", after: 1, within: "10m", action: { alert: { channel: "log" } } };
