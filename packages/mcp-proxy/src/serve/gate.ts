import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import { validateHostHeader, validateOriginHeader } from "@modelcontextprotocol/server";

/** Who may speak to a listener. */
export interface GateOptions {
  /** Names that a request may be addressed to, without port; IPv6 in brackets. */
  readonly hosts: readonly string[];
  /** Names of the sites whose pages may ask; without port. */
  readonly origins: readonly string[];
  /** What a client must present. Undefined: anybody may ask. */
  readonly token?: string;
}

/** Why a request is not let in. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Decides who is let in, before anything else of a request is looked at. A page of another site could reach a listener on
 * this machine by a name that it lets point here, so both the name that was asked for and the site that asks are checked.
 * @returns Why not; undefined when it is let in.
 */
export function createGate(options: GateOptions): (headers: IncomingHttpHeaders) => Refusal | undefined {
  const hosts = [...options.hosts];
  const origins = [...options.origins];
  const expected = options.token === undefined ? undefined : digestOf(options.token);
  return ({ host, origin, authorization }) => {
    // Two of them are joined; neither may be the one that counts (RFC 9112, section 3.2).
    if (host?.includes(",") === true) return { status: 400, message: "a request names one host" };
    if (!validateHostHeader(host, hosts).ok) return { status: 403, message: "this host is not served" };
    if (origin !== undefined && !validateOriginHeader(origin, origins).ok)
      return { status: 403, message: "this origin may not ask" };
    if (expected === undefined) return undefined;
    const given = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? "";
    // Digests have one length: neither the token's length nor its beginning shows in the time this takes.
    if (timingSafeEqual(digestOf(given), expected)) return undefined;
    return { status: 401, message: "a bearer token is needed", headers: { "www-authenticate": "Bearer" } };
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
