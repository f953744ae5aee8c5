import { assertNever } from "../base/assert-never.ts";
import type { Notifier } from "../base/notifier.ts";
import type { AlertTarget } from "../policy/policy.ts";
import { createLogNotifier } from "./log.ts";
import type { NotifierDeps } from "./notifier-deps.ts";
import { createSlackNotifier } from "./slack.ts";
import { createWebhookNotifier } from "./webhook.ts";

export type { NotifierDeps } from "./notifier-deps.ts";

/**
 * Opens a channel for alerts, for the rule `alert` and for the ladder's alerts alike.
 * @param target Where alerts go, as a policy says.
 * @param deps Ports, and `fail` for a target that cannot work: a missing secret, a URL without TLS, no `fetch`.
 */
export function createNotifier(target: AlertTarget, deps: NotifierDeps): Notifier {
  switch (target.channel) {
    case "log":
      return createLogNotifier(deps.logger);
    case "webhook":
      return createWebhookNotifier(target, deps);
    case "slack":
      return createSlackNotifier(target, deps);
    default:
      return assertNever(target, "alert channel");
  }
}
