import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { LedgerStore, LimitState } from "../store/state-store.ts";
import { limitSpecOf } from "./bind-limits.ts";
import type { PolicySet } from "./policy-set.ts";

/** What headroom is read from. */
export interface HeadroomDeps {
  readonly set: PolicySet;
  readonly ledger: LedgerStore;
  readonly planeId: string;
}

/**
 * The free share of the limit that a mode waits for, for the subjects of a call.
 * @param setBy Who set the mode: `policy:<id>`; others name no limit.
 * @param ruleId The limit rule of that policy.
 * @returns From 0 to 1, the least of the rule's dimensions; undefined when there is no such limit.
 */
export function headroomOf(
  { set, ledger, planeId }: HeadroomDeps,
  {
    setBy,
    ruleId,
    context,
  }: { readonly setBy: string; readonly ruleId: string; readonly context: PolicyContext },
): MaybePromise<number | undefined> {
  const policy = set.current.index.policies.find(({ id }) => setBy === `policy:${id}`);
  const entry = policy?.entries.find((candidate) => candidate.ruleId === ruleId);
  if (entry === undefined) return undefined;
  const specs = (entry.rule.limits ?? []).flatMap((declaration) =>
    declaration.per.map((subject) => limitSpecOf({ planeId, entry, declaration, subject }, context)),
  );
  const least = (position: number, free: number | undefined): MaybePromise<number | undefined> => {
    const spec = specs[position];
    if (spec === undefined) return free;
    return andThen(ledger.read(spec), (state) => least(position + 1, Math.min(free ?? 1, freeShare(state))));
  };
  return least(0, undefined);
}

function freeShare({ limit, used, held }: LimitState): number {
  return limit <= 0 ? 0 : Math.max(0, (limit - used - held) / limit);
}
