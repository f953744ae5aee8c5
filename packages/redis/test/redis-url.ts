import { Redis } from "ioredis";

/** The server that tests share. */
export const REDIS_URL = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";

/**
 * Whether the shared server answers. Without one the tests are skipped with one loud line; with `CI` set they fail.
 */
export const hasRedis: boolean = await answers();

async function answers(): Promise<boolean> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === "PONG";
  } catch (error) {
    if (process.env["CI"] !== undefined) throw new Error(`no Redis at ${REDIS_URL}`, { cause: error });
    console.warn(`SKIPPED: no Redis answers at ${REDIS_URL}; start one, or set REDIS_URL`);
    return false;
  } finally {
    client.disconnect();
  }
}
