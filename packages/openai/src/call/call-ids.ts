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
      const open = callsOf(runner).filter((call) => call.name === name && !given.has(call.id));
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

/** The calls of the last message that makes any. */
function callsOf(runner: object): readonly WrittenCall[] {
  const messages = listOf(Reflect.get(runner, "messages")).map((message) => recordOf(message) ?? {});
  const asking = messages.findLast(({ tool_calls: calls }) => Array.isArray(calls));
  return listOf(asking?.["tool_calls"]).flatMap((one) => {
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
