import { readFileSync } from "node:fs";

import { assertNever } from "../../src/base/assert-never.ts";
import type { LogLine } from "./storm-plan.ts";

/** What the logs of a round say must have been charged once every hold's time is up. */
export interface Account {
  /** At least so much. */
  readonly low: number;
  /**
   * At most so much: more than `low` by what killed processes were in the middle of, and by what leases keep of calls that
   * were ended after their time.
   */
  readonly high: number;
  readonly granted: number;
  readonly inDoubt: number;
  /** At most so much may have been charged over the limit: by calls that were ended after their time. */
  readonly late: number;
}

/** What the logs say of one call. */
interface LoggedCall {
  readonly line: LogLine;
  readonly reserved: number;
  /** It was ended when its time may have been up, by a store that then leaves what that charged. */
  readonly isKept: boolean;
}

/** Adds up logs, apart from the store: the last line of a call says how it stands. */
export function accountOf(logs: readonly string[]): Account {
  const calls = new Map<string, LoggedCall>();
  let late = 0;
  for (const line of logs.flatMap(linesOf)) {
    const [act, id, amount, expired] = line;
    const known = calls.get(id);
    if (act === "late" && expired === "release") late += amount;
    calls.set(id, {
      line,
      reserved: act === "reserving" ? amount : (known?.reserved ?? amount),
      isKept: known?.isKept === true || act === "kept",
    });
  }
  let account: Account = { low: 0, high: 0, granted: 0, inDoubt: 0, late };
  for (const call of calls.values()) {
    const { line } = call;
    const [low, high] = chargeOf(call);
    account = {
      low: account.low + low,
      high: account.high + high,
      granted: account.granted + (line[0] === "reserving" || line[0] === "refused" ? 0 : 1),
      inDoubt: account.inDoubt + (low === high ? 0 : 1),
      late,
    };
  }
  return account;
}

function chargeOf({ line, reserved, isKept }: LoggedCall): readonly [low: number, high: number] {
  const [act, , amount, expired] = line;
  const left = expired === "charge" ? reserved : 0;
  switch (act) {
    case "refused":
      return [0, 0];
    case "released":
      return [0, isKept ? left : 0];
    case "settled":
      return [amount, isKept ? Math.max(amount, left) : amount];
    case "granted":
    case "late":
    case "kept":
      return [left, left];
    case "reserving":
    case "releasing":
      return [0, left];
    case "settling":
      return [Math.min(amount, left), Math.max(amount, left)];
    default:
      return assertNever(act, "act of a storm");
  }
}

/** The last line of a process that was killed may be torn. */
function linesOf(file: string): readonly LogLine[] {
  const lines = readFileSync(file, "utf8").split("\n");
  // Written by the workers.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as LogLine);
}
