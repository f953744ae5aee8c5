import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { WhereSpec } from "./compile-where.ts";
import { compileValue } from "./where-value.ts";

/**
 * Whether a structured condition may hold at a hookpoint, or have no answer there, when nothing but the hookpoint's
 * name is known: what must be planned for before the call. It errs towards true.
 * @param spec A condition that `compileWhere` took.
 * @param negated Asks whether it may fail to hold instead.
 */
export function mayHoldAt(spec: WhereSpec, hookpoint: string, negated = false): boolean {
  const { may, mayNot } = outlookOf(spec, hookpoint);
  return negated ? mayNot : may;
}

/** Both are true of what is not known yet. */
interface Outlook {
  readonly may: boolean;
  readonly mayNot: boolean;
}

const UNKNOWN: Outlook = { may: true, mayNot: true };

function outlookOf(spec: unknown, hookpoint: string): Outlook {
  if (!isJsonObject(spec)) return UNKNOWN;
  const members = Object.entries(spec).filter(([, value]) => value !== undefined);
  return allOutlook(members.map(([key, value]) => memberOutlook(key, value, hookpoint)));
}

function memberOutlook(key: string, value: JsonValue, hookpoint: string): Outlook {
  const list = Array.isArray(value) ? value : [];
  if (key === "all") return allOutlook(list.map((one) => outlookOf(one, hookpoint)));
  if (key === "any") return anyOutlook(list.map((one) => outlookOf(one, hookpoint)));
  if (key === "not") return opposite(outlookOf(value, hookpoint));
  return key === "hookpoint" ? hookpointOutlook(value, hookpoint) : UNKNOWN;
}

function allOutlook(parts: readonly Outlook[]): Outlook {
  return { may: parts.every(({ may }) => may), mayNot: parts.some(({ mayNot }) => mayNot) };
}

/** A part without an answer leaves the whole without one, whatever the others say: `mayNot` needs one part alone. */
function anyOutlook(parts: readonly Outlook[]): Outlook {
  return {
    may: parts.some(({ may }) => may),
    mayNot: parts.some(({ mayNot }) => mayNot) && !parts.some(({ may, mayNot }) => may && !mayNot),
  };
}

function opposite({ may, mayNot }: Outlook): Outlook {
  return { may: mayNot, mayNot: may };
}

function hookpointOutlook(value: JsonValue, hookpoint: string): Outlook {
  const place = {
    subject: "hookpoint",
    path: [],
    isNegated: false,
    absent: "no-match",
    holds: "text",
  } as const;
  const truth = compileValue(value, { ...place, report() {} })?.(hookpoint);
  return typeof truth === "boolean" ? { may: truth, mayNot: !truth } : UNKNOWN;
}
