import { ChurnMap } from "../base/churn-map.ts";
import { errorText } from "../base/error-text.ts";
import type { Ports } from "../base/ports.ts";
import { isThenable } from "../base/maybe-promise.ts";
import type { DecisionPoint } from "../decision/decision-point.ts";
import type { LiveAdmission } from "./admission.ts";

/** The calls that run now: cut when a plug is pulled, their holds renewed while they are known to last. */
export interface LiveCalls {
  add(admission: LiveAdmission): void;
  remove(admission: LiveAdmission): boolean;
  /** Notes a sign of life of a call that was admitted by hand. */
  sign(admission: LiveAdmission): void;
  get(decisionId: string): LiveAdmission | undefined;
  /** Undefined too when calls of several agents or tenants run under one id: nobody gets another's. */
  byCallId(callId: string): LiveAdmission | undefined;
  close(): void;
}

/**
 * Watches running calls.
 * @param point Tells which calls are cut after a change, and renews holds.
 * @param holdTtlMs A hold is renewed after a third of it.
 */
export function createLiveCalls(point: DecisionPoint, ports: Ports, holdTtlMs: number): LiveCalls {
  const calls = new ChurnMap<LiveAdmission>();
  let stopTimer: (() => void) | undefined;
  let turn = 0;

  const cutUnplugged = (): void => {
    calls.forEach((call) => {
      const cut = point.controls.cutOf(call.context);
      if (cut !== undefined) call.cut(cut);
    });
  };
  const unsubscribe = point.controls.subscribe(cutUnplugged);

  const renewOne = (call: LiveAdmission, id: string): void => {
    try {
      // Who admits by hand and goes away would hold its part for as long as the process lives.
      if (call.alive === 0 && !call.isSigned) {
        if (!point.lapse(id)) calls.delete(id);
        return;
      }
      call.isSigned = false;
      call.renewedAt = turn;
      const renewed = point.renew(id);
      if (isThenable(renewed)) renewed.catch((error: unknown) => report(error, ports));
    } catch (error) {
      // Thrown out of a timer it would end the process.
      report(error, ports);
    }
  };
  const renew = (): void => {
    turn++;
    stopTimer = calls.size === 0 ? undefined : ports.timers.set(renew, holdTtlMs / 3);
    calls.forEach(renewOne);
  };

  return {
    add(admission) {
      admission.renewedAt = turn;
      calls.set(admission.decision.id, admission);
      stopTimer ??= ports.timers.set(renew, holdTtlMs / 3);
    },
    remove: (admission) =>
      calls.get(admission.decision.id) === admission && calls.delete(admission.decision.id),
    sign(admission) {
      admission.isSigned = true;
      // At its next turn it could be too late.
      if (turn - admission.renewedAt >= 2) renewOne(admission, admission.decision.id);
    },
    get: (decisionId) => calls.get(decisionId),
    byCallId(callId) {
      const found: LiveAdmission[] = [];
      calls.forEach((call) => {
        if (call.context.callId === callId) found.push(call);
      });
      return found.length === 1 ? found[0] : undefined;
    },
    close() {
      stopTimer?.();
      unsubscribe();
    },
  };
}

function report(error: unknown, { logger }: Ports): void {
  logger.error("a hold of a running call could not be renewed", {
    error: errorText(error),
  });
}
