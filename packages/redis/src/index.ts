export { redisState, type RedisState } from "./redis-state.ts";
export type { LeaseOptions, RedisStateOptions } from "./redis-state-options.ts";
export type { RedisClient } from "./connection/redis-client.ts";
export type { RedisPorts } from "./connection/platform-ports.ts";
