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
  const runs = new WeakMap<object, Run>();
  return {
    claim(runner, name, input) {
      if (typeof runner !== "object" || runner === null) return undefined;
      const run = runs.get(runner) ?? { given: new Set(), turn: undefined };
      runs.set(runner, run);
      const turn = turnOf(runner, run.turn);
      run.turn = turn;
      const calls = callsOf(turn.asking);
      const open = calls
        .map((call) => ({ ...call, id: `${turn.name}/${call.id}` }))
        .filter((call) => call.name === name && !run.given.has(call.id));
      const same = open.find(({ written }) => written === input || isSame(written, input));
      // A schema may have changed what the model wrote; with one candidate there is no doubt.
      const found = same ?? (open.length === 1 ? open[0] : undefined);
      if (found !== undefined) run.given.add(found.id);
      return found?.id;
    },
    release(runner, id, error) {
      if (typeof runner === "object" && runner !== null && id !== undefined)
        runs.get(runner)?.given.delete(id);
      throw error;
    },
  };
}

interface Run {
  readonly given: Set<string>;
  /** The last one whose call was looked for. */
  turn: RunnerTurn | undefined;
}

interface WrittenCall {
  readonly id: string;
  readonly name: string;
  readonly written: string;
}

/** A model may number its calls anew in each answer: what was said up to it tells which answer it is. */
interface RunnerTurn {
  /** The message that makes the calls. */
  readonly asking: unknown;
  readonly name: string;
}

/**
 * The turn of a runner that runs now. Calls of one turn come one after the other, and what was said may be long: it is read
 * once.
 */
function turnOf(runner: object, last: RunnerTurn | undefined): RunnerTurn {
  const all = listOf(Reflect.get(runner, "messages"));
  const at = all.findLastIndex((message) => Array.isArray(recordOf(message)?.["tool_calls"]));
  const asking = all[at];
  if (last !== undefined && asking !== undefined && last.asking === asking) return last;
  const completions: unknown = Reflect.get(runner, "allChatCompletions");
  // Of the API itself no two answers have one id.
  const answer = typeof completions === "function" ? listOf(completions.call(runner)).at(-1) : undefined;
  return { asking, name: digestOf([all.slice(0, at + 1), recordOf(answer)?.["id"]]) };
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
