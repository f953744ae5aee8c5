import { setImmediate as nextTurn } from "node:timers/promises";

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

/** Lets everything happen that waits for its turn: what a stream has given reaches who reads it. */
export async function othersTurn(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) {
    // oxlint-disable-next-line no-await-in-loop -- each turn lets the next begin
    await nextTurn();
  }
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
