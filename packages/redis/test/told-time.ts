import type { Clock } from "@agentplane/core";
import { Redis, type RedisOptions } from "ioredis";

import { pause } from "./open-state.ts";
import { REDIS_URL } from "./redis-url.ts";

/** Ahead of the servers, by whose own clocks keys expire: those of documents only as far as a test says so. */
const AHEAD_MS = 10 * 86_400_000;
/** What another process is told takes real time. */
const TOLD_MS = 30;

/** A server's time that stands still until a test lets it pass: a machine that stalls changes nothing. */
export interface ToldTime {
  /** The clock of a process whose time passes as the server's does; its wall clock may be off. */
  clockOff(offMs: number): Clock;
  /** A client whose connections run scripts on the real server as they are, but for what TIME answers. */
  client(url?: string): Redis;
  /** Lets time pass, and what has ended by then be forgotten. */
  advanceMs(durationMs: number): Promise<void>;
  close(): void;
}

/** @param namespace Of the documents that end. */
export function tellTime(namespace: string): ToldTime {
  let passedMs = 0;
  const startMs = Date.now() + AHEAD_MS;
  const nowMs = (): number => startMs + passedMs;
  const clients: Redis[] = [];
  return {
    clockOff: (offMs) => ({ wallMs: () => nowMs() + offMs, elapsedMs: () => passedMs }),
    client(url = REDIS_URL) {
      // Asked by no store: it makes the connections of one, and looks for what has ended.
      const lender = new Redis(url, { lazyConnect: true });
      // It is away when its server is.
      lender.on("error", () => undefined);
      clients.push(lender);
      const duplicate = (options: RedisOptions = {}): Redis =>
        timed(new Redis(url, { ...options, replyMapping: "legacy" }), nowMs);
      return Object.assign(lender, { duplicate });
    },
    async advanceMs(durationMs) {
      passedMs += durationMs;
      await Promise.all(clients.map(async (client) => forget(client, namespace, nowMs())));
      await pause(TOLD_MS);
    },
    close() {
      for (const client of clients) client.disconnect();
    },
  };
}

/** The same connection, whose scripts are told the time. */
export function timed(client: Redis, nowMs: () => number): Redis {
  const send = client.eval.bind(client);
  return Object.assign(client, {
    evalsha: () => Promise.reject(new Error("NOSCRIPT: always the text")),
    eval: (lua: string, count: number, ...rest: string[]) => send(withTime(lua, nowMs()), count, ...rest),
  });
}

const ENDS_IN = "'PX', whole(ttl_ms)";

function withTime(lua: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  return lua
    .replaceAll("redis.call('TIME')", `{ '${seconds}', '${(nowMs - seconds * 1_000) * 1_000}' }`)
    .replaceAll(ENDS_IN, "'PXAT', whole(now + ttl_ms)");
}

/** Documents that have ended by a time, which the server's own clock has not come to. */
async function forget(client: Redis, namespace: string, nowMs: number): Promise<void> {
  for await (const keys of client.scanStream({ match: `{${namespace}}:doc:*`, count: 1_000 })) {
    // The stream hands out arrays of names.
    const looked = (keys as string[]).map(async (key) => {
      const endsMs = await client.pexpiretime(key);
      if (endsMs > 0 && endsMs <= nowMs) await client.unlink(key);
    });
    // oxlint-disable-next-line no-await-in-loop -- one page after the other
    await Promise.all(looked);
  }
}
