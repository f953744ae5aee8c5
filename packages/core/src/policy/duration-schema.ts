import * as z from "zod/mini";

import { DURATION_HINT, parseDurationMs } from "../base/duration.ts";
import { mustHold } from "./schema-check.ts";

/** What a duration of a policy must look like: `"30m"`. The value stays the text that was written. */
export const durationSchema = z.string().check(
  mustHold((text) => parseDurationMs(text) !== undefined, "is not a duration", {
    suggestion: DURATION_HINT,
  }),
);
