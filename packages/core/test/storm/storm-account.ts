import { readFileSync } from "node:fs";

import { assertNever } from "../../src/base/assert-never.ts";
import type { LogLine } from "./storm-plan.ts";

/** What the logs of a round say must have been charged once every hold's time is up. */
export interface Account {
  /** At least so much. */
  readonly low: number;
  /** At most so much: more than `low` only by what killed processes were in the middle of. */
  readonly high: number;
  readonly granted: number;
  readonly inDoubt: number;
  /** At most so much may have been charged over the limit: by calls that were ended after their time. */
  readonly late: number;
}

/** Adds up logs, apart from the store: the last line of a call says how it stands. */
export function accountOf(logs: readonly string[]): Account {
  const calls = new Map<string, { line: LogLine; reserved: number }>();
  let late = 0;
  for (const line of logs.flatMap(linesOf)) {
    const [act, id, amount] = line;
    if (act === "late") late += amount;
    calls.set(id, { line, reserved: act === "reserving" ? amount : (calls.get(id)?.reserved ?? amount) });
  }
  let account: Account = { low: 0, high: 0, granted: 0, inDoubt: 0, late };
  for (const { line, reserved } of calls.values()) {
    const [low, high] = chargeOf(line, reserved);
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

function chargeOf([act, , amount, expired]: LogLine, reserved: number): readonly [low: number, high: number] {
  const left = expired === "charge" ? reserved : 0;
  switch (act) {
    case "refused":
    case "released":
      return [0, 0];
    case "settled":
      return [amount, amount];
    case "granted":
    case "late":
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
