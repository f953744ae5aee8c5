import type { Engine } from "../engine/engine.ts";
import type { PolicyDocument } from "../policy/policy.ts";
import { readPolicyFileTextAside } from "./policy-file-text.ts";
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
  plane: { readonly engine: Pick<Engine, "load" | "recordUnreadable"> },
  path: string,
  { onError = logError, ...options }: UsePolicyFileOptions = {},
): Promise<PolicyWatch> {
  const source = `file:${path}` as const;
  // What the engine refuses is on the record already; what never reached it is put there.
  const onRecord = new WeakSet<object>();
  const take = async (document: unknown): Promise<void> => {
    try {
      // `load` checks everything it is given; the type is what it asks of code.
      await plane.engine.load(source, document as PolicyDocument | string);
    } catch (error) {
      if (error instanceof Error) onRecord.add(error);
      throw error;
    }
  };
  const record = (error: Error): void => {
    if (!onRecord.has(error)) plane.engine.recordUnreadable(source, error);
  };
  let loaded: string;
  try {
    loaded = await readPolicyFileTextAside(path);
    await take(await parse(loaded, path));
  } catch (error) {
    if (error instanceof Error) record(error);
    throw error;
  }
  const report = (error: Error): void => {
    record(error);
    onError(error);
  };
  return watchPolicyFile(path, { ...options, loaded, parse, onChange: take, onError: report });
}

/** A text stays one: the engine parses it in slices. */
async function parse(text: string, path: string): Promise<unknown> {
  const read = await readPolicyTextAside(text, path);
  return read.kind === "json" ? read.text : read.data;
}

function logError(error: Error): void {
  console.error(`agentplane: ${error.message}\nThe last good policies stay in force.`);
}
