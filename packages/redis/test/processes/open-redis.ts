import { redisState, type RedisState, type RedisStateOptions } from "../../src/index.ts";

/** For core's storm: `npm run storm -- packages/redis/test/processes/open-redis.ts '{"url":"redis://127.0.0.1:6379"}'`. */
export function openState(options: RedisStateOptions): RedisState {
  return redisState(options);
}
