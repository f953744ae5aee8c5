import type { ReserveItem } from "@agentplane/core";

import { shapeOf } from "./limit-shape.ts";
import type { ScriptRequest } from "./script-request.ts";

/**
 * The items of a reservation as scripts read them: position of the limit, amount, is soft, charged after its time, is a
 * call, the limit's number. Adds their limits to the request.
 */
export function itemArguments(
  request: ScriptRequest,
  items: readonly ReserveItem[],
): readonly (readonly number[])[] {
  return items.map(({ spec, amount, isSoft, expired }) => [
    request.addLimit(spec.key, shapeOf(spec)),
    amount,
    isSoft ? 1 : 0,
    expired === "charge" ? 1 : 0,
    spec.measure === "calls" ? 1 : 0,
    spec.limit,
  ]);
}
