import path from "node:path";

import type { StoreAddress } from "./storm-plan.ts";

const PACKAGES = path.join(import.meta.dirname, "../../..");

/** The stores that the tests of core know how to open in any process. */
export type StoreName = "sqlite" | "redis" | "leased" | "postgres";

/** What a process of the leased form takes of a budget in advance. */
const LEASE = { max: 300, ttlMs: 1_000 };
/** Deadlines are not what is tried out: they are kept also where the machine is busy with other things. */
const TIMEOUT_MS = 60_000;

/** Where and under which name a store keeps what is tried out. */
export interface StoreOwn {
  /** For files. */
  readonly directory: string;
  /** A namespace or schema that nobody else uses. */
  readonly name: string;
}

/** The address of a store: a file, or the servers at `REDIS_URL` and `DATABASE_URL`. */
export function storeAddress(store: StoreName, { directory, name }: StoreOwn): StoreAddress {
  const redis = {
    url: process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379",
    namespace: name,
    timeoutMs: TIMEOUT_MS,
  };
  const redisModule = path.join(PACKAGES, "redis/test/open-state.ts");
  const addresses: Readonly<Record<StoreName, StoreAddress>> = {
    sqlite: {
      module: path.join(import.meta.dirname, "open-sqlite.ts"),
      options: { path: path.join(directory, "state.db"), timeout: "10s" },
    },
    redis: { module: redisModule, options: redis },
    leased: {
      module: redisModule,
      options: { ...redis, lease: LEASE },
      takenInAdvance: LEASE.max,
    },
    postgres: {
      module: path.join(PACKAGES, "postgres/test/processes/open-state.ts"),
      options: {
        connectionString: process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/test",
        schema: name,
        timeoutMs: TIMEOUT_MS,
      },
    },
  };
  return addresses[store];
}

/** Whether a store can be reached; where not, one loud line says so, but with `CI` set it throws. */
export async function isReachable(store: StoreName): Promise<boolean> {
  if (store === "sqlite") return true;
  // Both say so themselves when they are loaded.
  if (store === "redis" || store === "leased") {
    const { hasRedis } = (await import(path.join(PACKAGES, "redis/test/servers.ts"))) as {
      readonly hasRedis: boolean;
    };
    return hasRedis;
  }
  const { hasServer } = (await import(path.join(PACKAGES, "postgres/test/servers.ts"))) as {
    readonly hasServer: boolean;
  };
  return hasServer;
}
