import * as z from "zod/mini";

import { assertNever } from "../base/assert-never.ts";
import { DURATION_HINT, formatDuration, requireDurationMs } from "../base/duration.ts";
import { degradeSchema } from "../policy/degrade-schema.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { LIMIT_SUBJECTS, type LimitSubject, type Window } from "../policy/limit.ts";
import type { DegradeSpec } from "../policy/mode.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import type { LimitDeclaration } from "./rule.ts";
import { someOf } from "./some-of.ts";

/** Over which time a limit counts. */
export const windowParam = z.union(
  [
    durationSchema,
    z.enum(["lifetime"]),
    z.strictObject({
      calendar: z.enum(["day", "month"]),
      timeZone: z._default(
        z.string().check(mustHold(isTimeZone, 'is not an IANA time zone, such as "Europe/Berlin"')),
        "UTC",
      ),
    }),
  ],
  `is not a window; ${DURATION_HINT}, or "lifetime", or { calendar: "day" | "month", timeZone }`,
);

/** By what a limit is kept apart: one subject, or several that must all have room. */
export const perParam = z.union(
  [z.enum(LIMIT_SUBJECTS), someOf(z.enum(LIMIT_SUBJECTS))],
  `is not a subject; use one of ${LIMIT_SUBJECTS.join(", ")}, or a list of them`,
);

/** A mode to set and how it ends. */
// Copied JSON has no member that is undefined, which is all that the two types differ in.
export const degradeParam = degradeSchema as z.core.$ZodType<DegradeSpec, DegradeSpec>;

/** What exceeding the limit answers; `block` makes it a hard limit. */
export const onBreachParam = z.enum(["block", "escalate", "degrade"]);

/** The fields every limit has beside its number and subjects. */
export const breachParams = {
  onBreach: z._default(onBreachParam, "block"),
  degrade: omittable(degradeParam),
};

/** What the hold of a crashed call becomes when its time is up: used, or given back. */
export const expiredParam = z._default(z.enum(["charge", "release"]), "charge");

/** The check that `onBreach: degrade` and `degrade` stand together. */
export const DEGRADE_NEEDS = mustHold(
  (params: { readonly onBreach: string; readonly degrade?: unknown }) =>
    (params.onBreach === "degrade") === (params.degrade !== undefined),
  'and onBreach: "degrade" belong together',
  { at: "degrade" },
);

/** The window as the ledger keeps it. */
function windowOf(written: z.output<typeof windowParam>): Window {
  if (written === "lifetime") return { kind: "lifetime" };
  if (typeof written === "string") return { kind: "sliding", windowMs: requireDurationMs(written) };
  return { kind: "calendar", unit: written.calendar, timeZone: written.timeZone };
}

/** The subjects as a list, each once. */
function subjectsOf(written: z.output<typeof perParam>): readonly LimitSubject[] {
  return typeof written === "string" ? [written] : [...new Set(written)];
}

/** What the one limit of a rule counts, and what it was told of window, subjects and breach. */
interface LimitOfRule extends Pick<LimitDeclaration, "measure" | "limit" | "expired" | "onBreach"> {
  readonly window: z.output<typeof windowParam>;
  readonly per: z.output<typeof perParam>;
  readonly degrade?: DegradeSpec | undefined;
  readonly estimate: LimitDeclaration["estimate"];
  readonly actual: LimitDeclaration["actual"];
}

/**
 * A rule that is one limit.
 * @param amount For people: `100 calls`.
 */
export function limitOf(
  amount: string,
  { measure, limit, onBreach, degrade, expired, estimate, actual, ...written }: LimitOfRule,
): { readonly limits: readonly [LimitDeclaration] } {
  const window = windowOf(written.window);
  const per = subjectsOf(written.per);
  const describe = (): string => describeLimit(amount, window, per);
  const ends = { expired, estimate, actual, describe };
  // Member by member: calls read limits of every kind at one place, which is fast where all have one shape.
  return { limits: [{ measure, limit, window, per, onBreach, ...(degrade && { degrade }), ...ends }] };
}

/** Says a limit for people: `at most 100 calls per 1h and tenant`. */
function describeLimit(amount: string, window: Window, per: readonly LimitSubject[]): string {
  const subjects = per.filter((subject) => subject !== "global");
  const words = [...windowWords(window), ...subjects];
  return words.length === 0 ? `at most ${amount}` : `at most ${amount} per ${words.join(" and ")}`;
}

function windowWords(window: Window): readonly string[] {
  switch (window.kind) {
    case "sliding":
      return [formatDuration(window.windowMs)];
    case "calendar":
      return [`${window.unit} (${window.timeZone})`];
    case "lifetime":
      return [];
    default:
      return assertNever(window, "window");
  }
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone !== "";
  } catch (error) {
    // Intl has no other way to say that it does not know a zone.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
