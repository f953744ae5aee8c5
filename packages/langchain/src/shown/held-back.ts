import type { Admission } from "@agentplane/core";

import type { GovernedPlane } from "../call/plane.ts";
import type { OpenText } from "./shown-texts.ts";

/** How a call's answer may be shown while it comes: as it is; text by text, redacted; or not before it was judged. */
export type Showing = "all" | { readonly open: OpenText } | "nothing";

/** Where anything looks at what a call gives, nothing of it may be shown that may still be found. */
export function showingOf({ guard }: GovernedPlane, admission: Admission): Showing {
  const { holdBack, redact } = guard.streamDuties(admission);
  if (holdBack === "whole") return "nothing";
  if (holdBack === 0 && redact.length === 0) return "all";
  return { open: () => guard.streamText(admission) };
}

/** Where anything looks at what a call gives, none of it may be shown before it was looked at. */
export function isHeldBack(plane: GovernedPlane, admission: Admission): boolean {
  return showingOf(plane, admission) !== "all";
}
