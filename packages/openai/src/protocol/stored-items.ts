import type { Dialect } from "./dialect.ts";
import { recordOf } from "./json.ts";

/**
 * Messages and items of a conversation that are read again, one or a list of them: words of a model are among them. The
 * answer is judged as it is.
 */
export const STORED_ITEMS: Dialect = {
  describe: () => ({ name: "unknown", messages: [] }),
  withMessages: (request) => request,
  readAnswer: (answer) => answer,
  // What rules left of an object is an object.
  writeAnswer: (_answer, content) => recordOf(content) ?? {},
  usageOf: () => ({}),
};
