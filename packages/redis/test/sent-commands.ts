import { Redis } from "ioredis";

import { pause } from "./open-state.ts";

/** What clients send to a server, as the server sees it; without what its scripts do themselves. */
export interface SentCommands {
  /** What was sent since the last time, in order. */
  take(): Promise<readonly string[]>;
  close(): void;
}

/** How long a server may take to tell of a command, in ms. */
const TOLD_MS = 30;

/** Watches a server of the test's own. */
export async function watchCommands(url: string): Promise<SentCommands> {
  const client = new Redis(url);
  const monitor = await client.monitor();
  client.disconnect();
  let commands: string[] = [];
  monitor.on("monitor", (_time: string, [name = ""]: readonly string[], source: string) => {
    if (source !== "lua") commands.push(name.toLowerCase());
  });
  return {
    async take() {
      await pause(TOLD_MS);
      const taken = commands;
      commands = [];
      return taken;
    },
    close: () => monitor.disconnect(),
  };
}
