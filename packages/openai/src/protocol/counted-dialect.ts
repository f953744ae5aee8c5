import type { Dialect } from "./dialect.ts";
import { recordOf } from "./json.ts";

/** Nothing was used. */
export const NO_USAGE = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/** A request of which only the tokens are counted: its prompt leaves like any other, and nothing is used. */
export function countedDialect({ provider, describe, withMessages, tools, withTools }: Dialect): Dialect {
  return {
    ...(provider !== undefined && { provider }),
    describe: (request) => ({ ...describe(request), maxOutputTokens: 0 }),
    withMessages,
    ...(tools !== undefined && { tools }),
    ...(withTools !== undefined && { withTools }),
    readAnswer: (answer) => answer,
    // What rules left of an object is an object.
    writeAnswer: (_answer, content) => recordOf(content) ?? {},
    usageOf: () => NO_USAGE,
  };
}
