import type { Decision } from "@agentplane/core";

import type { Connection } from "../connection/connection.ts";
import { readingsOf } from "../names/tool-names.ts";
import { uriReadings } from "../names/uri-readings.ts";

/** What a plane takes as the name of a target. */
export const LONGEST_NAME = 4_096;

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

/** The name by which a prompt is decided: one that the server may read instead, where that is forbidden. */
export async function promptName({ acting, options }: Connection, name: string): Promise<string> {
  let asked: string | undefined;
  for (const reading of readingsOf(name)) {
    const target = { name: reading, server: options.server };
    // oxlint-disable-next-line no-await-in-loop -- the first that is forbidden ends it
    const { effect } = await options.plane.guard.peek({ hookpoint: "before_prompt_get", ...acting, target });
    if (effect === "block") return reading;
    if (effect === "ask") asked ??= reading;
  }
  return asked ?? name;
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
