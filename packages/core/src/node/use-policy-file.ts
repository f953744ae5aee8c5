import { readFile } from "node:fs/promises";

import type { Engine } from "../engine/engine.ts";
import type { PolicyDocument } from "../policy/policy.ts";
import { unreadable } from "./policy-file.ts";
import { readPolicyTextAside } from "./policy-text-aside.ts";
import { watchPolicyFile, type PolicyWatch, type WatchOptions } from "./watch-policy-file.ts";

/** How a policy file is followed. */
export interface UsePolicyFileOptions extends Omit<WatchOptions, "onChange" | "onError" | "parse"> {
  /** Told when a change of the file is not in force, and why. Default: `console.error`. */
  readonly onError?: (error: Error) => void;
}

/**
 * Puts a policy file into force and follows its changes: a valid change is in force as a whole once it is loaded, in
 * slices between decisions; an invalid one leaves the last good set in force and is reported.
 * @param plane Anything with an engine.
 * @param path A YAML or JSON file; its policies get the source `file:<path>`.
 * @returns The watch; `close()` ends it, the policies stay.
 * @throws ConfigError (rejects) when the file is not valid now: a plane must not start without its policies
 * @example const policies = await usePolicyFile(plane, "agentplane.yaml");
 */
export async function usePolicyFile(
  plane: { readonly engine: Pick<Engine, "load"> },
  path: string,
  { onError = logError, ...options }: UsePolicyFileOptions = {},
): Promise<PolicyWatch> {
  const take = async (document: unknown): Promise<void> => {
    // `load` checks everything it is given; the type is what it asks of code.
    await plane.engine.load(`file:${path}`, document as PolicyDocument | string);
  };
  const loaded = await readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  await take(await parse(loaded, path));
  return watchPolicyFile(path, { ...options, loaded, parse, onChange: take, onError });
}

/** A text stays one: the engine parses it in slices. */
async function parse(text: string, path: string): Promise<unknown> {
  const read = await readPolicyTextAside(text, path);
  return read.kind === "json" ? read.text : read.data;
}

function logError(error: Error): void {
  console.error(`agentplane: ${error.message}\nThe last good policies stay in force.`);
}
