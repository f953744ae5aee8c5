import { createHash } from "node:crypto";

import { AgentplaneError, type LimitSpec, type ReserveRequest } from "@agentplane/core";

/** A limit as the server makes it when it is first counted in. */
export interface CellSpec {
  /** The key, for people who look into the table. */
  readonly name: string;
  readonly kind: "log" | "buckets" | "calendar" | "lifetime";
  readonly windowMs?: number;
  readonly unit?: "day" | "month";
  readonly timeZone?: string;
}

/** One operation as the function `ledger` takes it; ids are digests in hex. */
export type Operation = Readonly<{ op: string; hold?: string; cell?: string } & Record<string, unknown>>;

/** An operation and the limits that it may make. */
export interface Described {
  readonly operation: Operation;
  readonly specs: ReadonlyMap<string, CellSpec>;
}

/** Up to here a log keeps the time of every call; the number is core's, whose windows this repeats. */
const MAX_LOGGED_CALLS = 1_000;

/**
 * The id of a limit or hold: SHA-256 of its name in UTF-8.
 * @throws AgentplaneError `usage_invalid` for half a surrogate pair, which UTF-8 would take for any other
 */
export function digestOf(name: string): string {
  if (/\p{Surrogate}/u.test(name))
    throw new AgentplaneError("usage_invalid", "a key must be well-formed Unicode");
  return createHash("sha256").update(name).digest("hex");
}

/** A request for `reserve` or `probe`. */
export function describeRequest(op: "reserve" | "probe", { id, ttlMs, items }: ReserveRequest): Described {
  const specs = new Map<string, CellSpec>();
  const wanted = items.map(({ spec, amount, isSoft, expired }) => {
    const cell = digestOf(spec.key);
    if (op === "reserve") specs.set(cell, cellSpec(spec));
    const isEvent = spec.measure === "calls";
    return { cell, amount, limit: spec.limit, isSoft, isEvent, isCharged: expired === "charge" };
  });
  return { operation: { op, hold: digestOf(id), ttl: Math.ceil(ttlMs), items: wanted }, specs };
}

/** A grant, which makes the limit if nothing has counted in it yet. */
export function describeGrant(spec: LimitSpec, amount: number): Described {
  const cell = digestOf(spec.key);
  return { operation: { op: "grant", cell, amount }, specs: new Map([[cell, cellSpec(spec)]]) };
}

function cellSpec({ key, measure, limit, window }: LimitSpec): CellSpec {
  // Text holds no U+0000; its picture stands for it.
  const name = key.replaceAll("\u0000", "\u2400");
  switch (window.kind) {
    case "sliding": {
      const kind = measure === "calls" && limit <= MAX_LOGGED_CALLS ? "log" : "buckets";
      return { name, kind, windowMs: Math.ceil(window.windowMs) };
    }
    case "calendar":
      return { name, kind: "calendar", unit: window.unit, timeZone: zoneSetting(window.timeZone) };
    case "lifetime":
      return { name, kind: "lifetime" };
    default:
      return unknownWindow(window);
  }
}

function unknownWindow(window: never): never {
  throw new AgentplaneError("internal_unreachable", `unknown window ${JSON.stringify(window)}`);
}

/** PostgreSQL reads a bare offset as POSIX does, with the sign turned around. */
function zoneSetting(timeZone: string): string {
  const offset = /^([+-])(\d\d):?(\d\d)?$/.exec(timeZone);
  if (offset === null) return timeZone;
  const [, sign = "+", hours = "00", minutes = "00"] = offset;
  return `<${sign}${hours}${minutes}>${sign === "+" ? "-" : "+"}${hours}:${minutes}`;
}
