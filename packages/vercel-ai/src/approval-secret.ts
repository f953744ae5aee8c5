import type { ToolSet } from "ai";

import type { AppApproval } from "./app-approval.ts";
import { unguarded } from "./guarded-mark.ts";
import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/** What says whether the application asks people by itself, and how it signs that. */
export interface SignedSettings {
  readonly tools?: ToolSet | undefined;
  readonly toolApproval?: AppApproval | undefined;
  readonly experimental_toolApprovalSecret?: string | Uint8Array | undefined;
}

/**
 * The secret with which the SDK signs its questions, so that an answer in the messages counts for the very call that was
 * asked about: the application's own, else one of this plane, agent, tenant and session.
 * @returns undefined where the application has none and asks nobody by itself: the questions of policies are the plane's,
 * which knows them in every process.
 */
export function approvalSecret(
  plane: GovernedPlane,
  { agent, tenant, session }: GovernedIdentity,
  settings: SignedSettings,
): string | Uint8Array | undefined {
  const own = settings.experimental_toolApprovalSecret ?? undefined;
  if (own !== undefined || !canAsk(plane, settings)) return own;
  // An answer of one conversation must not count in another one. The random part comes first and has one length.
  return `${secretOf(plane)}${JSON.stringify([agent, tenant ?? null, session ?? null])}`;
}

function canAsk(plane: GovernedPlane, { tools = {}, toolApproval }: SignedSettings): boolean {
  const own: object = unguarded<NonNullable<AppApproval>>(toolApproval ?? {}, plane);
  if (typeof own === "function" || Object.keys(own).length > 0) return true;
  return Object.values(tools).some(({ needsApproval }) => (needsApproval ?? false) !== false);
}

const secrets = new WeakMap<GovernedPlane, string>();

function secretOf(plane: GovernedPlane): string {
  // Two of them have 244 random bits.
  const secret = secrets.get(plane) ?? crypto.randomUUID() + crypto.randomUUID();
  secrets.set(plane, secret);
  return secret;
}
