/** An address that alerts may be sent to. */
export interface WebhookUrl {
  readonly url: string;
  /** For messages: the path of a webhook is often its password. */
  readonly host: string;
}

// Strict on purpose: what this reads otherwise than `fetch` would (a user part, a backslash) is no address here.
const ADDRESS = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?(?:[/?#][\x21-\x7e]*)?$/i;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/**
 * Reads the address of a webhook.
 * @returns The problem as a text when it may not be used: not an address, or without TLS outside this machine.
 */
export function parseWebhookUrl(url: string): WebhookUrl | string {
  const match = ADDRESS.exec(url);
  const [, scheme = "", host = ""] = match ?? [];
  if (match === null) return "is not an http or https address";
  if (scheme.toLowerCase() === "http" && !LOOPBACK.test(host))
    return "must use https: what is sent tells about your agents";
  return { url, host };
}
