import { Redis } from "ioredis";

import { redisState, type RedisState, type RedisStateOptions } from "../src/index.ts";
import { REDIS_URL } from "./redis-url.ts";

let opened = 0;

/** A namespace that nobody else uses. */
export function freshNamespace(): string {
  return `test-${process.pid}-${Date.now().toString(36)}-${opened++}`;
}

/** Opens a store that is connected and hears every change. */
export async function openState(options: Partial<RedisStateOptions> = {}): Promise<RedisState> {
  const source = options.client === undefined ? { url: REDIS_URL } : {};
  const state = redisState({ ...source, namespace: freshNamespace(), ...options });
  await state.ready();
  return state;
}

/** Removes every key of a namespace, and of those below it (`name:…`). */
export async function dropNamespace(namespace: string, url: string = REDIS_URL): Promise<void> {
  const client = new Redis(url);
  const found: string[] = [];
  for await (const keys of client.scanStream({ match: `{${namespace}[}:]*`, count: 1_000 }))
    // The stream hands out arrays of names.
    found.push(...(keys as string[]));
  if (found.length > 0) await client.unlink(...found);
  await client.quit();
}

/** What the storm of core's tests does in the end. */
export async function dropState({ namespace = "", url }: Partial<RedisStateOptions>): Promise<void> {
  await dropNamespace(namespace, url);
}

/** Waits in real time, for a server whose clock is its own. */
export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
