import { requireFunction, requireObject } from "../base/argument.ts";
import type { LiveAdmission } from "./admission.ts";
import { alreadyEnded } from "./complete.ts";
import type { GuardCore } from "./guard-core.ts";

/** Notes a sign of life; the holds are renewed when it is their turn, or at once where that comes too late. */
export function renewByHand(
  { live }: GuardCore,
  admission: LiveAdmission,
  running?: PromiseLike<unknown>,
): void {
  // What joined the call around it lives as long as that one.
  if (admission.isJoined) return;
  if (live.get(admission.decision.id) !== admission) throw alreadyEnded(admission);
  live.sign(admission);
  if (running === undefined) return;
  requireObject("guard.renew: running", running, "a promise");
  requireFunction("guard.renew: running.then", running.then);
  admission.alive++;
  const settled = (): void => {
    admission.alive--;
    admission.isSigned = true;
  };
  // It settles once, whatever another's thenable does.
  Promise.resolve(running).then(settled, settled);
}
