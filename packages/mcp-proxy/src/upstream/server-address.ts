import type { ConfigIssue } from "@agentplane/core";

/**
 * What a server over HTTP speaks: `http`, streamable HTTP; `sse`, HTTP+SSE as of 2024-11-05; `auto`, the first, and the
 * second where the server refuses to begin on the first.
 */
export type HttpTransport = (typeof TRANSPORTS)[number];

/** A server that listens. */
export interface ServerAddress {
  /** `http:` or `https:`, without credentials. */
  readonly url: string;
  /** What the proxy presents to the server as a bearer. Default: nothing. */
  readonly token?: string;
  /** Default `auto`. */
  readonly transport?: HttpTransport;
}

export const TRANSPORTS = ["auto", "http", "sse"] as const;

/**
 * What is wrong with an address.
 * @param at Where in the options it stands.
 */
export function addressIssues(
  { url, token, transport = "auto" }: ServerAddress,
  at: { readonly url: string; readonly token: string; readonly transport: string },
): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (
    parsed === undefined ||
    !["http:", "https:"].includes(parsed.protocol) ||
    parsed.username ||
    parsed.password
  )
    issues.push({
      path: at.url,
      message: "is no address of a server",
      suggestion: `use http:// or https://, and ${at.token} for credentials`,
    });
  if (token === "")
    issues.push({ path: at.token, message: "is empty", suggestion: "leave it out, or name one" });
  if (!TRANSPORTS.includes(transport))
    issues.push({
      path: at.transport,
      message: "is not a choice",
      suggestion: `use one of ${TRANSPORTS.join(", ")}`,
    });
  return issues;
}
