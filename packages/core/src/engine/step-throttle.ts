import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { ReserveItem } from "../store/state-store.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";

/**
 * Takes the slot of a throttle that was set by this very call, after its other limits were already reserved.
 */
export function reserveThrottle(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent !== "admit") return;
  const id = `${pass.call.reservationId}#throttle`;
  const request = { id, ttlMs: parts.settings.holdTtlMs, items: [throttleItem(pass, parts)] };
  return andThen(parts.ledger.reserve(request), ({ isGranted, breaches }) => {
    if (isGranted) pass.heldIds = [...pass.heldIds, id];
    else pass.refusal = throttled(pass, breaches[0]?.retryAfterMs);
  });
}

/** What a throttled call is told. */
export function throttled({ rare: { throttle } }: Pass, retryAfterMs: number | undefined): Pass["refusal"] {
  return {
    cause: "mode",
    reason: `mode RATE_THROTTLE allows ${throttle?.perMinute ?? 0} calls per minute`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/**
 * Waits for a slot where the mode allows waiting: woken early by any change of plugs and modes, so that a kill does not
 * wait for the timer.
 * @returns Whether to try the reservation again.
 */
export function waitForSlot(
  pass: Pass,
  parts: EngineParts,
  retryAfterMs: number | undefined,
): Promise<boolean> | false {
  const maxMs = pass.rare.throttle?.delayMaxMs;
  if (maxMs === undefined || retryAfterMs === undefined || pass.intent !== "admit") return false;
  const waitedMs = parts.ports.clock.elapsedMs() - pass.startedMs;
  if (waitedMs + retryAfterMs > maxMs) return false;
  return new Promise((resolve) => {
    let cancel: (() => void) | undefined;
    let unsubscribe: (() => void) | undefined;
    const wake = (): void => {
      cancel?.();
      unsubscribe?.();
      resolve(parts.plugboard.cutOf(pass.context) === undefined);
    };
    cancel = parts.ports.timers.set(wake, retryAfterMs);
    unsubscribe = parts.plugboard.subscribe(() => {
      if (parts.plugboard.cutOf(pass.context) !== undefined) wake();
    });
  });
}

/** The slot that RATE_THROTTLE makes a call take, per tenant and agent. */
export function throttleItem({ context, rare: { throttle } }: Pass, { settings }: EngineParts): ReserveItem {
  return {
    spec: {
      key: tupleKey([settings.planeId, "throttle", context.tenant, context.agent.id]),
      measure: "calls",
      limit: throttle?.perMinute ?? 0,
      window: { kind: "sliding", windowMs: 60_000 },
    },
    amount: 1,
    isSoft: false,
    expired: "charge",
  };
}
