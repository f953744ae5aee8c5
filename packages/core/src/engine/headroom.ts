import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { PolicyContext } from "../context/context.ts";
import type { ModeEntry } from "../state/degradation.ts";
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
 * The free share of the limit that a mode waits for, for those whose call led to it: that another one has room left, in a
 * session that has just begun, ends nobody's mode.
 * @param of.entry The mode; set by `policy:<id>`: others name no limit.
 * @param of.ruleId The limit rule of that policy, or its kind.
 * @param of.context The call that is judged: it stands for who led to the mode where that was not kept.
 * @returns From 0 to 1, the least of the rule's dimensions; undefined when there is no such limit.
 */
export function headroomOf(
  { set, ledger, planeId }: HeadroomDeps,
  of: { readonly entry: ModeEntry; readonly ruleId: string; readonly context: PolicyContext },
): MaybePromise<number | undefined> {
  const policy = set.current.index.policies.find(({ id }) => of.entry.by === `policy:${id}`);
  if (policy === undefined) return undefined;
  const whose = of.entry.whose ?? of.context;
  // As triggers find rules: by id or kind.
  const limits = policy.entries.filter(
    ({ timing, ruleId, kind }) => timing === "blocking" && (ruleId === of.ruleId || kind === of.ruleId),
  );
  const specs = limits.flatMap((entry) =>
    (entry.rule.limits ?? []).flatMap((declaration) =>
      declaration.per.map((subject) => limitSpecOf({ planeId, entry, declaration, subject }, whose)),
    ),
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
