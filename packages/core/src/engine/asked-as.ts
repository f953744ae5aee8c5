import { questionKeyOf } from "../context/call-key.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";

/**
 * The one name under which all that a call breaches and asks counts once: of a call that is known again, its key; of one
 * that only asks again, that of its question; else of this attempt alone.
 */
export function askedAs(pass: Pass, { settings, ports }: EngineParts): string {
  if (pass.call.callKey !== undefined) return pass.call.callKey;
  const question = isAfter(pass.asked.hookpoint)
    ? undefined
    : questionKeyOf(settings.planeId, pass.asked, ports.hash);
  if (question !== undefined) return question;
  if (pass.call.reservationId === "") pass.call = { ...pass.call, reservationId: ports.ids.next("res") };
  return pass.call.reservationId;
}
