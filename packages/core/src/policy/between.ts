import type { core } from "zod";

/** How large a number is, how many characters a text has, how many items a list. */
export interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
}

type Sized = number | string | readonly unknown[];

/**
 * A schema's check that a number, or the length of a text or of a list, is at least and at most so much. Zod has a class
 * for each of the four, which every bundle would carry. The bounds are kept at it for the JSON Schema.
 * @param minimum Of a text at most 1: a character may take two places, and only for the maximum are they told apart.
 */
export function between(minimum: number, maximum = Infinity): core.CheckFn<Sized> & Bounds {
  const check: core.CheckFn<Sized> = ({ value: input, issues }) => {
    const size = typeof input === "number" ? input : input.length;
    if (size >= minimum && size <= maximum) return;
    const origin = typeof input === "object" ? "array" : typeof input;
    const about = { origin, inclusive: true, input, continue: true };
    if (size < minimum) issues.push({ code: "too_small", minimum, ...about });
    if (size > maximum && !(typeof input === "string" && Array.from(input).length <= maximum))
      issues.push({ code: "too_big", maximum, ...about });
  };
  return Object.assign(check, { minimum, maximum });
}
