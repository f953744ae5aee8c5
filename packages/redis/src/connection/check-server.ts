import type { Logger } from "@agentplane/core";

import type { Connection } from "./connection.ts";
import { isCluster } from "./redis-client.ts";

/** The first version that answers commands on a subscribed connection and sets an expiry time with a value. */
const OLDEST = [6, 2] as const;

/**
 * Looks whether every server is one that may keep budgets, and says loudly where it is not: a server that evicts keys
 * under memory pressure forgets holds and plugs, and admits what they forbid.
 */
export async function checkServer(connection: Connection, logger: Logger): Promise<void> {
  const infos = await connection.run((client) =>
    Promise.all((isCluster(client) ? client.nodes("master") : [client]).map((server) => server.info())),
  );
  for (const info of infos) {
    const policy = fieldOf(info, "maxmemory_policy");
    if (policy !== undefined && policy !== "noeviction") {
      logger.error(
        `Redis may evict keys (maxmemory-policy ${policy}): limits and plugs could be forgotten; set it to noeviction`,
        { policy, maxMemory: fieldOf(info, "maxmemory_human") },
      );
    }
    const version = fieldOf(info, "redis_version");
    if (version !== undefined && isOlder(version))
      logger.error(`Redis ${version} is too old: ${OLDEST.join(".")} or later is needed`, { version });
  }
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, "mu").exec(info)?.[1]?.trim();
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
