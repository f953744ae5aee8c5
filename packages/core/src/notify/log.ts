import type { Notifier } from "../base/notifier.ts";
import type { Logger } from "../base/ports.ts";

/** Alerts in the operator's log, as warnings with the same facts that a webhook carries. */
export function createLogNotifier(logger: Logger): Notifier {
  return {
    notify(alert) {
      logger.warn(`alert: ${alert.text}: ${alert.reason}`, { ...alert });
    },
  };
}
