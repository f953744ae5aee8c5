import { createAgentPlane } from "@agentplane/core";

import { redisState } from "../../src/index.ts";
import { budget, take } from "../limits.ts";

/** A process that has leased 100, used 3 of it, and then ends in a way of its parent's choice. */
const [url = "", namespace = "", way = "", ttlMs = ""] = process.argv.slice(2);
const state = redisState({ url, namespace, lease: { max: 100, ttlMs: Number(ttlMs) } });
const plane = createAgentPlane({ state });
await plane.ready();
await state.ledger.reserve(take("first", budget("shared"), 5));
await state.ledger.settle("first", [3]);

const ways: Readonly<Record<string, () => void>> = {
  "close on SIGTERM": () => {
    process.once("SIGTERM", () => void plane.close().finally(() => process.exit(0)));
    process.kill(process.pid, "SIGTERM");
  },
  "SIGTERM alone": () => process.kill(process.pid, "SIGTERM"),
  SIGKILL: () => process.kill(process.pid, "SIGKILL"),
  "process.exit": () => process.exit(0),
  "process.exit on SIGTERM": () => {
    process.once("SIGTERM", () => process.exit(0));
    process.kill(process.pid, "SIGTERM");
  },
  "process.exit while more is leased": () => {
    // What is leased does not suffice: it is told and leased anew. Nobody hears the answer.
    void state.ledger.reserve(take("second", budget("shared"), 99));
    // Sent by then; a first lease of another limit is just being asked for.
    void state.ledger.reserve(take("third", budget("another"), 5));
    process.exit(0);
  },
  "an error nobody caught": () => {
    throw new Error("as it is tested");
  },
  "a promise nobody caught": () => void Promise.reject(new Error("as it is tested")),
};
process.once("message", () => ways[way]?.());
process.send?.("leased");
