import { parseDurationMs } from "../base/duration.ts";
import type { Mode, ModeCell } from "../policy/mode.ts";
import { cellOf, joinCells } from "../policy/mode-table.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { ModeEntry } from "./mode-entry.ts";

/** What the modes in force do to a call. */
export interface ModeJudgement {
  readonly cell: ModeCell;
  /** The entry that decides: the first of the strictest. */
  readonly entry?: ModeEntry;
  /** Every mode in force for the call, each once. */
  readonly modes: readonly Mode[];
  /** With cell `throttle`: the narrowest of all throttles; waiting only as long as every one of them lets. */
  readonly throttle?: { readonly perMinute: number; readonly delayMaxMs?: number };
}

const DEFAULT_PER_MINUTE = 6;
/** What no mode says. */
export const NO_MODES: ModeJudgement = Object.freeze({ cell: "allow", modes: Object.freeze([]) });

/**
 * Joins the modes in force for one call: order and repetition do not matter, one more only ever tightens.
 * @param entries The modes that concern the call.
 * @param traits As declared for its tool.
 * @param action The action of its hookpoint.
 */
export function joinModes(
  entries: readonly ModeEntry[],
  traits: ToolTraits | undefined,
  action: string,
): ModeJudgement {
  if (entries.length === 0) return NO_MODES;
  let cell: ModeCell = "allow";
  let deciding: ModeEntry | undefined;
  for (const entry of entries) {
    const own = cellOf(entry.degrade.mode, traits, action);
    const joined = joinCells(cell, own);
    if (joined !== cell) deciding = entry;
    cell = joined;
  }
  return {
    cell,
    ...(deciding !== undefined && { entry: deciding }),
    modes: [...new Set(entries.map(({ degrade }) => degrade.mode))],
    ...(cell === "throttle" && { throttle: joinThrottles(entries) }),
  };
}

function joinThrottles(entries: readonly ModeEntry[]): NonNullable<ModeJudgement["throttle"]> {
  const throttles = entries.map(({ degrade }) => degrade).filter(({ mode }) => mode === "RATE_THROTTLE");
  const perMinute = Math.min(...throttles.map((one) => one.perMinute ?? DEFAULT_PER_MINUTE));
  const delayMaxMs = Math.min(...throttles.map(({ delay }) => (delay && parseDurationMs(delay.max)) ?? 0));
  return { perMinute, ...(delayMaxMs > 0 && { delayMaxMs }) };
}
