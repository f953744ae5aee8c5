import { readFile } from "node:fs/promises";

import type { Engine } from "../engine/engine.ts";
import type { PolicyDocument } from "../policy/policy.ts";
import { parsePolicyText, unreadable } from "./policy-file.ts";
import { watchPolicyFile, type PolicyWatch, type WatchOptions } from "./watch-policy-file.ts";

/** How a policy file is followed. */
export interface UsePolicyFileOptions extends Omit<WatchOptions, "onChange" | "onError"> {
  /** Told when a change of the file is not in force, and why. Default: `console.error`. */
  readonly onError?: (error: Error) => void;
}

/**
 * Puts a policy file into force and follows its changes: a valid change is in force at the next call, an invalid one
 * leaves the last good set in force and is reported.
 * @param plane Anything with an engine.
 * @param path A YAML or JSON file; its policies get the source `file:<path>`.
 * @returns The watch; `close()` ends it, the policies stay.
 * @throws ConfigError (rejects) when the file is not valid now: a plane must not start without its policies
 * @example const policies = await usePolicyFile(plane, "agentplane.yaml");
 */
export async function usePolicyFile(
  plane: { readonly engine: Pick<Engine, "replaceAll"> },
  path: string,
  { onError = logError, ...options }: UsePolicyFileOptions = {},
): Promise<PolicyWatch> {
  const take = (document: unknown): void => {
    // `replaceAll` checks everything it is given; the type is what it asks of code.
    plane.engine.replaceAll(`file:${path}`, document as PolicyDocument);
  };
  const loaded = await readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  take(parsePolicyText(loaded, path));
  return watchPolicyFile(path, { ...options, loaded, onChange: take, onError });
}

function logError(error: Error): void {
  console.error(`agentplane: ${error.message}\nThe last good policies stay in force.`);
}
