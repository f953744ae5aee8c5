import type { Admission } from "@agentplane/core";

import type { GovernedPlane } from "./plane.ts";

/** Where anything looks at what a call gives, none of it may be shown before it was looked at. */
export function isHeldBack({ guard }: GovernedPlane, admission: Admission): boolean {
  const { holdBack, redact } = guard.streamDuties(admission);
  return holdBack !== 0 || redact.length > 0;
}
