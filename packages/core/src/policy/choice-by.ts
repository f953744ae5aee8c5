import * as z from "zod/mini";

import { isJsonObject } from "../base/json.ts";

/**
 * One of several objects, chosen by a member that says which: what is wrong is told of that one alone. Zod's own
 * discriminated union says the same, with a class that every bundle would carry for it.
 * @param member In every option a word of its own.
 */
export function choiceBy<const T extends readonly z.ZodMiniObject[]>(
  member: string,
  options: T,
): z.ZodMiniUnion<T> {
  const choice = z.union(options, { inclusive: false });
  const names = options.map(({ _zod }) => [..._zod.propValues[member]!][0]);
  choice._zod.run = (payload, context) => {
    const { value: input, issues } = payload;
    const meant = options[isJsonObject(input) ? names.findIndex((name) => name === input[member]) : 0];
    if (meant !== undefined) return meant._zod.run(payload, context);
    const about = { errors: [], options: names, discriminator: member };
    issues.push({ code: "invalid_union", ...about, input, path: [member] });
    return payload;
  };
  return choice;
}
