import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/** Who decides, and for whom. */
export interface GateSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
}

/** What a denied call becomes. */
export type OnBlock = "message" | "throw";
