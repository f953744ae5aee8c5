import type { Decision } from "@agentplane/core";

import type { Connection } from "../connection/connection.ts";
import { uriReadings } from "../names/uri-readings.ts";

/** What no policy has said: nothing is known of such a name. */
const UNSPOKEN: ReadonlySet<string> = new Set(["default", "no_policy"]);
const STRICTNESS: Readonly<Record<Decision["effect"], number>> = { allow: 0, ask: 1, block: 2 };

/**
 * Under which name a resource is decided: of all that the server may take its URI for, the one of which policies think
 * least. Else `file:///etc/%70asswd` would be read where `file:///etc/passwd` is denied.
 */
export function resourceName(connection: Connection, uri: string): string | Promise<string> {
  const readings = uriReadings(uri);
  return readings.length === 1 ? uri : strictest(connection, readings);
}

async function strictest(
  { acting, options }: Connection,
  readings: ReturnType<typeof uriReadings>,
): Promise<string> {
  let found = { name: "", strictness: -1 };
  for (const { name, isOtherSpelling } of readings) {
    const target = { name: name.slice(0, LONGEST_NAME), server: options.server };
    const context = { hookpoint: "before_resource_read", ...acting, target } as const;
    // oxlint-disable-next-line no-await-in-loop -- a few, and mostly at once
    const { effect, cause } = await options.plane.guard.peek(context);
    const strictness = isOtherSpelling && UNSPOKEN.has(cause) ? -1 : STRICTNESS[effect];
    if (strictness > found.strictness) found = { name: target.name, strictness };
  }
  return found.name;
}

/** What a plane takes as the name of a target. */
const LONGEST_NAME = 4_096;
