import { createHash } from "node:crypto";

import type { RedisClient } from "./redis-client.ts";

/** A Lua script, called by its digest; the text travels only where the server does not know it. */
export interface Script {
  readonly lua: string;
  /** @param args All of them strings: numbers would lose digits on the way. */
  run(client: RedisClient, keys: readonly string[], args: readonly string[]): Promise<unknown>;
}

/**
 * Makes a script callable in one round trip. A server that forgot it (`SCRIPT FLUSH`, a restart, another node) is sent
 * the text once more: it has not run then, so nothing happens twice.
 * @param lua The text; its SHA-1 is what `EVALSHA` wants.
 */
export function createScript(lua: string): Script {
  const sha = createHash("sha1").update(lua).digest("hex");
  return {
    lua,
    async run(client, keys, args) {
      try {
        return await client.evalsha(sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
        return client.eval(lua, keys.length, ...keys, ...args);
      }
    },
  };
}
