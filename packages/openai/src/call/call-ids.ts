import { digestOf } from "@agentplane/core";

import { listOf, parseJson, recordOf, textOf } from "../protocol/json.ts";

/** Finds the model's ids of the calls that `runTools` makes: the SDK does not pass them on. */
export interface CallIds {
  /**
   * The id of a call that begins now; each id is given once.
   * @param runner The SDK's second argument to a function: it has the conversation.
   * @param input The SDK's first.
   * @returns Undefined when it cannot be told: the call then counts as one of its own.
   */
  claim(runner: unknown, name: string, input: unknown): string | undefined;
  /**
   * The call failed: its id may be given again.
   * @throws The error, always.
   */
  release(runner: unknown, id: string | undefined, error: unknown): never;
}

/** Remembers, for each run, which ids were given. */
export function createCallIds(): CallIds {
  const claimed = new WeakMap<object, Set<string>>();
  return {
    claim(runner, name, input) {
      if (typeof runner !== "object" || runner === null) return undefined;
      const given = claimed.get(runner) ?? new Set();
      claimed.set(runner, given);
      const turn = turnOf(runner);
      const calls = callsOf(turn.messages.at(-1));
      const open = calls
        .map((call) => ({ ...call, id: `${turn.name}/${call.id}` }))
        .filter((call) => call.name === name && !given.has(call.id));
      const same = open.find(({ written }) => written === input || isSame(written, input));
      // A schema may have changed what the model wrote; with one candidate there is no doubt.
      const found = same ?? (open.length === 1 ? open[0] : undefined);
      if (found !== undefined) given.add(found.id);
      return found?.id;
    },
    release(runner, id, error) {
      if (typeof runner === "object" && runner !== null && id !== undefined) claimed.get(runner)?.delete(id);
      throw error;
    },
  };
}

interface WrittenCall {
  readonly id: string;
  readonly name: string;
  readonly written: string;
}

/** A model may number its calls anew in each answer: what was said up to it tells which answer it is. */
interface RunnerTurn {
  /** Up to the last one that makes calls. */
  readonly messages: readonly unknown[];
  readonly name: string;
}

/** The turn of a runner that runs now. */
function turnOf(runner: object): RunnerTurn {
  const all = listOf(Reflect.get(runner, "messages"));
  const at = all.findLastIndex((message) => Array.isArray(recordOf(message)?.["tool_calls"]));
  const messages = all.slice(0, at + 1);
  const completions: unknown = Reflect.get(runner, "allChatCompletions");
  // Of the API itself no two answers have one id.
  const last = typeof completions === "function" ? listOf(completions.call(runner)).at(-1) : undefined;
  return { messages, name: digestOf([messages, recordOf(last)?.["id"]]) };
}

function callsOf(message: unknown): readonly WrittenCall[] {
  return listOf(recordOf(message)?.["tool_calls"]).flatMap((one) => {
    const call = recordOf(one);
    const described = recordOf(call?.["function"]);
    const [id, name] = [textOf(call?.["id"]), textOf(described?.["name"])];
    if (id === undefined || name === undefined) return [];
    return [{ id, name, written: textOf(described?.["arguments"]) ?? "" }];
  });
}

function isSame(written: string, input: unknown): boolean {
  return JSON.stringify(parseJson(written)) === JSON.stringify(input);
}
