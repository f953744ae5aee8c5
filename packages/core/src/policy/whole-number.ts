import * as z from "zod/mini";
import { between } from "./between.ts";

/**
 * A whole number that is represented exactly. Zod's own is one of all formats that numbers may have, with the limits of
 * each in every bundle.
 */
export const wholeNumber = z.number().check(
  ({ value, issues }) => {
    // Nothing else is said of a number that is not whole: no limit is what is wrong with it.
    if (!Number.isInteger(value))
      issues.push({ code: "invalid_type", expected: "int", input: value, continue: false });
  },
  between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
);
