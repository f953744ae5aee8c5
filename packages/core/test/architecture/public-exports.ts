import type { Subpath } from "./entries.ts";

/** The public names of each entry of this package; `npm run pin-exports` rewrites this file. */
export const PUBLIC_EXPORTS: Readonly<Record<Subpath, readonly string[]>> = {
  ".": [],
  "./node": [],
  "./cel": [],
  "./testing": [],
};

/** The stable error codes of this package. */
export const PUBLIC_ERROR_CODES: readonly string[] = [
  "approval_invalid",
  "approval_pending",
  "audit_corrupt",
  "audit_failed",
  "config_invalid",
  "content_refused",
  "context_invalid",
  "duration_invalid",
  "hook_blocked",
  "hook_invalid",
  "internal_unreachable",
  "policy_blocked",
  "policy_degraded",
  "rule_failed",
  "rule_timeout",
  "state_failed",
  "usage_invalid",
  "version_unknown",
];
