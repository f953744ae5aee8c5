import { kindOf } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "./context.ts";
import { Given } from "./snapshot-mark.ts";

/** The mark of what `createContext` made: a private field, as for snapshots. A changed copy does not carry it. */
export class ContextMark extends Given {
  readonly #isBuilt = true;

  /** Tells whether an object was built by `createContext`, and so needs no second reading. */
  static isOn(object: object): object is PolicyContext {
    // Every context has a time, and most descriptions have none: V8 takes ten times as long to find that an object of one
    // of many shapes has no such private field.
    return (object as Partial<PolicyContext>).nowMs !== undefined && #isBuilt in object && object.#isBuilt;
  }

  /** Puts the mark on an object that is not frozen yet. */
  static put(object: object): void {
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    new ContextMark(object);
  }
}

/**
 * Refuses what is no context and describes none.
 * @throws AgentplaneError `context_invalid`
 */
export function requireContext(given: unknown): asserts given is object {
  if (typeof given === "object" && given !== null) return;
  throw new AgentplaneError(
    "context_invalid",
    `a context is an object such as { hookpoint: "before_tool_call", agent: "support", tool: "refund" }, not ${kindOf(given)}`,
  );
}

const conflicts = new WeakMap<PolicyContext, string>();
let hasConflicts = false;

/**
 * Remembers that sources contradicted each other over who acts in this context: whoever decides it refuses it.
 * @param reason For people; names the sources, never what they said.
 */
export function markConflict(context: PolicyContext, reason: string): void {
  conflicts.set(context, reason);
  hasConflicts = true;
}

/** Why nobody can say who acts in this context; undefined where nothing contradicts. */
export function conflictOf(context: PolicyContext): string | undefined {
  // Almost no process ever sees one, and every decision asks.
  return hasConflicts ? conflicts.get(context) : undefined;
}
