import { canonicalJson } from "../base/canonical-json.ts";
import type { AlertMessage, Notifier } from "../base/notifier.ts";
import type { FetchLike } from "../base/platform.ts";
import type { AlertTarget, SecretRef } from "../policy/policy.ts";
import { deliver } from "./delivery.ts";
import type { NotifierDeps } from "./notifier-deps.ts";
import { parseWebhookUrl, type WebhookUrl } from "./webhook-url.ts";

/**
 * Alerts as signed JSON. Headers: `agentplane-timestamp` (Unix seconds), `agentplane-delivery` (the same for every
 * retry of one alert) and, with a secret, `agentplane-signature: v1=` + hex HMAC-SHA256 of `timestamp.body`. A receiver
 * compares the signature in constant time and refuses an old timestamp.
 */
export function createWebhookNotifier(
  { url, secret }: Extract<AlertTarget, { channel: "webhook" }>,
  deps: NotifierDeps,
): Notifier {
  const address = requireAddress(url, deps);
  const fetch = requireFetch(deps);
  const key = secret === undefined ? undefined : requireSecret(secret.env, "secret", deps);
  const { clock, hash } = deps;
  return {
    notify(alert: AlertMessage) {
      const timestamp = String(Math.floor(clock.wallMs() / 1_000));
      const body = canonicalJson({ ...alert, at: clock.wallMs() });
      const signed = `${timestamp}.${body}`;
      const headers = {
        "content-type": "application/json",
        "agentplane-timestamp": timestamp,
        "agentplane-delivery": hash.sha256(signed).slice(0, 32),
        ...(key !== undefined && { "agentplane-signature": `v1=${hash.hmacSha256(key, signed)}` }),
      };
      return deliver({ ...address, headers, body }, { ...deps, fetch });
    },
  };
}

/** The address of a target, or of the variable it names; or a load error at `url`. */
export function requireAddress(url: string | SecretRef, deps: NotifierDeps): WebhookUrl {
  const address = parseWebhookUrl(typeof url === "string" ? url : requireSecret(url.env, "url", deps));
  return typeof address === "string"
    ? deps.fail("url", address, 'such as "https://alerts.example.com/agentplane"')
    : address;
}

/** The `fetch` of the runtime, or a load error. */
export function requireFetch(deps: NotifierDeps): FetchLike {
  return deps.fetch ?? deps.fail("channel", "needs fetch, which this runtime lacks", "pass ports: { fetch }");
}

/** The value of a secret, or a load error that names the variable. */
function requireSecret(name: string, subPath: string, deps: NotifierDeps): string {
  const value = deps.secret(name);
  if (value !== undefined && value !== "") return value;
  return deps.fail(
    subPath,
    `the environment variable ${name} is not set`,
    `set ${name}, or name another one`,
  );
}
