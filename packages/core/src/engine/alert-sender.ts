import { canonicalJson } from "../base/canonical-json.ts";
import { ConfigError } from "../base/errors.ts";
import type { AlertMessage, Notifier } from "../base/notifier.ts";
import type { AlertTarget } from "../policy/policy.ts";
import type { CompileTools } from "../rules/rule.ts";
import type { ObserverQueue } from "./observe.ts";

/**
 * Sends the alerts of ladders, aside: a slow or broken channel never delays a decision.
 * @param open Opens a channel; equal targets share one.
 */
export function createAlertSender(
  open: CompileTools["createNotifier"],
  observers: ObserverQueue,
): (target: AlertTarget, message: AlertMessage) => void {
  const channels = new Map<string, Notifier>();
  return (target, message) => {
    const key = canonicalJson(target);
    const channel = channels.get(key) ?? open(target, fail);
    channels.set(key, channel);
    observers.track(Promise.resolve().then(() => channel.notify(message)));
  };
}

const fail: CompileTools["fail"] = (path, message, suggestion) => {
  throw new ConfigError("ladder alert", [{ path, message, ...(suggestion !== undefined && { suggestion }) }]);
};
