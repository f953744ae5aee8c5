import type { JsonObject } from "../../base/json.ts";
import type { ScriptCall, ScriptTurn } from "../agent-script.ts";

/** A turn in which the model calls tools, all at once. */
export function calling(...calls: readonly ScriptCall[]): ScriptTurn {
  return { calls };
}

/** One call; its id is what the scenario asks about later. */
export function call(id: string, tool: string, input: JsonObject = { id: "o1" }): ScriptCall {
  return { id, tool, input };
}

/** A turn in which the model answers with text, in these pieces. */
export function saying(...text: readonly string[]): ScriptTurn {
  return { text };
}

/** A promise and its key: two pieces of a script wait for each other without a clock. */
export interface Latch {
  readonly opened: Promise<void>;
  open(): void;
}

/** Creates a closed latch. */
export function createLatch(): Latch {
  const latch: { open?: () => void } = {};
  const opened = new Promise<void>((resolve) => {
    latch.open = resolve;
  });
  return { opened, open: () => latch.open?.() };
}
